package main

var objectives = board{
	name: "slo", title: "Objectives",
	about: "Two promises, over 30 days: 99 % of messages are stored within a second, and 99.9 % of requests and sends do not fail on the server's side.",
	rows: []row{
		{"Stored within a second: 99 %", []view{
			{
				title: "Kept over 30 days", about: "Share of messages that were stored within a second of their acceptance.", unit: "percentunit", figure: true, below: []float64{0.99, 0.98}, max: 1,
				queries: []query{{`1 - gochat:stored_late:ratio_rate30d{@}`, "good"}},
			},
			{
				title: "Budget that is left", about: "1 is all of it, 0 is none: what is late may be 1 % of 30 days.", unit: "percentunit", figure: true, below: []float64{0.5, 0.1},
				queries: []query{{`1 - gochat:stored_late:ratio_rate30d{@} / 0.01`, "left"}},
			},
			{
				title: "Late now", about: "Share over five minutes.", unit: "percentunit", figure: true, above: []float64{0.01, 0.05},
				queries: []query{{`gochat:stored_late:ratio_rate5m{@}`, "late"}},
			},
			{
				title: "Speed at which the budget goes", about: "1: all of it in 30 days. The alert at 14.4 is a page, at 6 as well, at 1 a ticket.", unit: "short", above: []float64{6, 14.4}, log: true,
				queries: burn("gochat:stored_late", "0.01"),
			},
			{
				title: "Accepted until stored", about: "The aim is one second.", unit: "s", log: true,
				queries: quantiles("gochat_pipeline_accepted_to_stored_seconds", ""),
			},
		}},
		{"Available: 99.9 %", []view{
			{
				title: "Kept over 30 days", about: "Share of requests and batches of sends that did not fail on the server's side.", unit: "percentunit", figure: true, below: []float64{0.999, 0.995}, max: 1,
				queries: []query{{`1 - gochat:unavailable:ratio_rate30d{@}`, "good"}},
			},
			{
				title: "Budget that is left", about: "1 is all of it, 0 is none: what fails may be 0.1 % of 30 days.", unit: "percentunit", figure: true, below: []float64{0.5, 0.1},
				queries: []query{{`1 - gochat:unavailable:ratio_rate30d{@} / 0.001`, "left"}},
			},
			{
				title: "Failing now", about: "Share over five minutes.", unit: "percentunit", figure: true, above: []float64{0.001, 0.01},
				queries: []query{{`gochat:unavailable:ratio_rate5m{@}`, "failing"}},
			},
			{
				title: "Speed at which the budget goes", about: "1: all of it in 30 days.", unit: "short", above: []float64{6, 14.4}, log: true,
				queries: burn("gochat:unavailable", "0.001"),
			},
			{title: "What fails", about: "Requests with a status of 5xx by route, and batches of sends that the queue did not confirm.", unit: "ops", queries: []query{
				{`sum by (method, route, status) (rate(gochat_gateway_http_request_seconds_count{@,status=~"5.."}[$__rate_interval]))`, "{{method}} {{route}} {{status}}"},
				{`sum by (outcome) (rate(gochat_gateway_upstream_publish_seconds_count{@,outcome!="ok"}[$__rate_interval]))`, "sends: {{outcome}}"},
			}},
		}},
	},
}

// burn returns queries for the burn rate of an error budget, one for each window: 1 is exactly as fast as allowed.
func burn(record, budget string) []query {
	var out []query
	for _, window := range []string{"5m", "1h", "6h", "3d"} {
		out = append(out, query{record + ":ratio_rate" + window + "{@} / " + budget, window})
	}
	return out
}
