package main

var edge = board{
	name: "edge", title: "Edge",
	about: "Gateways: sockets, frames, HTTP, and what was refused there.",
	rows: []row{
		{"Sockets", []view{
			{title: "Open sockets", about: "By gateway. A gateway that drains falls to zero within seconds, and the others take over.", unit: "short", stacked: true, queries: []query{
				{`sum by (instance) (gochat_gateway_connections{@})`, "{{instance}}"},
			}},
			{title: "Closed sockets", about: "By close code. 1000 and 1001: the client went; 1006: without a word; 1012: the gateway drains; 4001: signed out; 4003: too slow.", unit: "ops", queries: []query{
				{`sum by (code) (rate(gochat_gateway_closes_total{@}[$__rate_interval]))`, "{{code}}"},
			}},
			{title: "Slow sockets", about: "Frames that a socket's queue had no room for, and the hints that its client got in their place.", unit: "ops", queries: []query{
				{`sum(rate(gochat_gateway_queue_full_total{@}[$__rate_interval]))`, "no room"},
				{`sum(rate(gochat_gateway_sync_hints_total{@}[$__rate_interval]))`, "hints"},
			}},
		}},
		{"Frames", []view{
			{title: "In", about: "From clients, by type.", unit: "ops", stacked: true, queries: []query{
				{`sum by (type) (rate(gochat_gateway_frames_total{@,direction="in"}[$__rate_interval])) > 0`, "{{type}}"},
			}},
			{title: "Out", about: "To clients, by type.", unit: "ops", stacked: true, queries: []query{
				{`sum by (type) (rate(gochat_gateway_frames_total{@,direction="out"}[$__rate_interval])) > 0`, "{{type}}"},
			}},
			{
				title: "On the socket within", about: "From the acceptance of a message until it is written to its receiver's socket.", unit: "s", log: true,
				queries: quantiles("gochat_gateway_accepted_to_written_seconds", ""),
			},
		}},
		{"Sends", []view{
			{title: "Batches of sends", about: "By outcome. timeout: the queue did not confirm in time, and the senders were told to try again; late: it did confirm afterwards.", unit: "ops", queries: []query{
				{`sum by (outcome) (rate(gochat_gateway_upstream_publish_seconds_count{@}[$__rate_interval]))`, "{{outcome}}"},
			}},
			{
				title: "Time until the queue has confirmed", about: "What a sender waits for its ack.", unit: "s", log: true,
				queries: quantiles("gochat_gateway_upstream_publish_seconds", ""),
			},
			{title: "Sends a batch", about: "Grows with load.", unit: "short", queries: []query{
				{`sum(rate(gochat_gateway_upstream_batch_messages_sum{@}[$__rate_interval])) / sum(rate(gochat_gateway_upstream_batch_messages_count{@}[$__rate_interval]))`, "on average"},
			}},
		}},
		{"HTTP", []view{
			{title: "Requests by route", about: "The busiest ones.", unit: "reqps", queries: []query{
				{`topk(10, sum by (method, route) (rate(gochat_gateway_http_request_seconds_count{@}[$__rate_interval])))`, "{{method}} {{route}}"},
			}},
			{title: "Time by route, p99", about: "The slowest ones. A login is slow on purpose.", unit: "s", log: true, queries: []query{
				{`topk(10, histogram_quantile(0.99, sum by (le, method, route) (rate(gochat_gateway_http_request_seconds_bucket{@}[$__rate_interval]))))`, "{{method}} {{route}}"},
			}},
			{title: "Answers that are no success", about: "By status. 5xx are the server's fault, 429 are limits.", unit: "reqps", queries: []query{
				{`sum by (status) (rate(gochat_gateway_http_request_seconds_count{@,status!~"[123].."}[$__rate_interval]))`, "{{status}}"},
			}},
		}},
		{"Limits", []view{
			{title: "Refused", about: "Attempts beyond a limit, by limit.", unit: "ops", queries: []query{
				{`sum by (limit) (rate(gochat_gateway_rate_limited_total{@}[$__rate_interval]))`, "{{limit}}"},
			}},
			{title: "Shared buckets", about: "Calls to the counts that all gateways share. away: the cache did not answer, and the gateway counts by itself.", unit: "ops", queries: []query{
				{`sum by (limit, outcome) (rate(gochat_gateway_limit_leases_total{@}[$__rate_interval])) > 0`, "{{limit}}: {{outcome}}"},
			}},
		}},
	},
}
