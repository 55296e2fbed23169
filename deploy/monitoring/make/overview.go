package main

var overview = board{
	name: "overview", title: "Overview",
	about: "Is it well? What people notice first, then what it is made of; the other dashboards say why.",
	rows: []row{
		{"What people notice", []view{
			{title: "Open sockets", about: "WebSockets on all gateways.", unit: "short", figure: true, queries: []query{
				{`sum(gochat_gateway_connections{@})`, "sockets"},
			}},
			{title: "Users online", about: "Who has an open socket, each once. With more than 4,000 it is within 1.6 % as a rule.", unit: "short", figure: true, queries: []query{
				{`sum(gochat_online_users{@})`, "users"},
			}},
			{title: "Messages stored", about: "New messages a second.", unit: "ops", figure: true, queries: []query{
				{`sum(rate(gochat_repo_messages_total{@,outcome="stored"}[$__rate_interval]))`, "stored"},
			}},
			{
				title: "Stored within, p99", about: "From the acceptance by a gateway until the message is in the database. The aim is one second.", unit: "s", figure: true,
				above: []float64{0.5, 1},
				queries: []query{
					{`histogram_quantile(0.99, sum by (le) (rate(gochat_pipeline_accepted_to_stored_seconds_bucket{@}[$__rate_interval])))`, "p99"},
				},
			},
			{
				title: "On the socket within, p99", about: "From the acceptance by a gateway until the message is written to its receiver's socket.", unit: "s", figure: true,
				above: []float64{1, 2},
				queries: []query{
					{`histogram_quantile(0.99, sum by (le) (rate(gochat_gateway_accepted_to_written_seconds_bucket{@}[$__rate_interval])))`, "p99"},
				},
			},
			{
				title: "Answered without a fault", about: "Share of HTTP requests and of batches of sends that did not fail on the server's side. The aim is 99.9 %.", unit: "percentunit",
				figure: true, below: []float64{0.999, 0.995}, max: 1,
				queries: []query{{`1 - gochat:unavailable:ratio_rate5m{@}`, "good"}},
			},
			{
				title: "Processes down", about: "Processes of GoChat that Prometheus does not reach.", unit: "short", figure: true, above: []float64{1, 2},
				queries: []query{{`sum(up{@} == bool 0)`, "down"}},
			},
			{
				title: "Dependencies down", about: "As processes see them: what they cannot work without.", unit: "short", figure: true, above: []float64{1, 2},
				queries: []query{{`sum(gochat_dependency_state{@,state="down",dependency!="start"})`, "down"}},
			},
		}},
		{"Traffic", []view{
			{title: "Messages", about: "New messages a second, those that came again, and those that were refused.", unit: "ops", queries: []query{
				{`sum by (outcome) (rate(gochat_repo_messages_total{@}[$__rate_interval]))`, "{{outcome}}"},
			}},
			{title: "Frames to sockets", about: "What goes out, by type. message-new are the deliveries.", unit: "ops", stacked: true, queries: []query{
				{`sum by (type) (rate(gochat_gateway_frames_total{@,direction="out"}[$__rate_interval])) > 0`, "{{type}}"},
			}},
			{title: "HTTP requests", about: "Answers a second by class of status.", unit: "reqps", stacked: true, queries: []query{
				{`sum by (class) (label_replace(rate(gochat_gateway_http_request_seconds_count{@}[$__rate_interval]), "class", "${1}xx", "status", "(.).."))`, "{{class}}"},
			}},
		}},
		{"Where time and work wait", []view{
			{
				title: "Messages behind", about: "What each consumer of a topic has not handled. A line that only climbs is a consumer that is too slow or stuck.", unit: "short",
				queries: []query{{`sum by (topic, group) (gochat_queue_lag{@})`, "{{group}} on {{topic}}"}},
			},
			{
				title: "Latency", about: "From the acceptance of a message until it is stored, and until it is on a socket.", unit: "s", log: true,
				queries: []query{
					{`histogram_quantile(0.5, sum by (le) (rate(gochat_pipeline_accepted_to_stored_seconds_bucket{@}[$__rate_interval])))`, "stored p50"},
					{`histogram_quantile(0.99, sum by (le) (rate(gochat_pipeline_accepted_to_stored_seconds_bucket{@}[$__rate_interval])))`, "stored p99"},
					{`histogram_quantile(0.5, sum by (le) (rate(gochat_gateway_accepted_to_written_seconds_bucket{@}[$__rate_interval])))`, "on the socket p50"},
					{`histogram_quantile(0.99, sum by (le) (rate(gochat_gateway_accepted_to_written_seconds_bucket{@}[$__rate_interval])))`, "on the socket p99"},
				},
			},
			{
				title: "Given up", about: "Records that went to the poison topic, by reason. Each wants somebody's look: gochat poison list.", unit: "short",
				queries: []query{{`sum by (router, reason) (increase(gochat_router_poisoned_total{@}[$__rate_interval]))`, "{{router}}: {{reason}}"}},
			},
		}},
		{"Alerts", []view{
			{
				title: "Firing", about: "Alerts by name. Each has a page of its own in docs/operations.", unit: "short", stacked: true,
				queries: []query{{`count by (alertname, severity) (ALERTS{alertname=~"GoChat.*",alertstate="firing"})`, "{{alertname}} ({{severity}})"}},
			},
			{title: "CPU by role", about: "Cores that are used. Without roles everything is in one process.", unit: "short", stacked: true, queries: []query{
				{`sum by (role) (rate(process_cpu_seconds_total{@}[$__rate_interval]))`, "{{role}}"},
			}},
			{title: "Versions", about: "Processes by version: two at once are an upgrade.", unit: "short", stacked: true, queries: []query{
				{`count by (version) (gochat_build_info{@})`, "{{version}}"},
			}},
		}},
	},
}
