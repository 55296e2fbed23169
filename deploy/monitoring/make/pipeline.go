package main

var pipeline = board{
	name: "pipeline", title: "Pipeline",
	about: "The way of messages through the routers: how much waits, what each stage takes, what fails.",
	rows: []row{
		{"From end to end", []view{
			{
				title: "Accepted until stored", about: "From the acceptance by a gateway until the message is in the database.", unit: "s", log: true,
				queries: quantiles("gochat_pipeline_accepted_to_stored_seconds", ""),
			},
			{
				title: "Accepted until on the socket", about: "From the acceptance by a gateway until it is written to its receiver's socket; at most one message of a write is measured.", unit: "s", log: true,
				queries: quantiles("gochat_gateway_accepted_to_written_seconds", ""),
			},
			{
				title: "Messages behind", about: "What each consumer of a topic has not handled, as the leading janitor sees it.", unit: "short",
				queries: []query{{`sum by (topic, group) (gochat_queue_lag{@})`, "{{group}} on {{topic}}"}},
			},
		}},
		{"Routers", []view{
			{title: "Messages by outcome", about: "ok; permanent: given up; transient: a dependency is away; unforeseen: an error that nobody expected; newer: they wait for a newer worker.", unit: "ops", queries: []query{
				{`sum by (router, outcome) (rate(gochat_router_messages_total{@}[$__rate_interval]))`, "{{router}}: {{outcome}}"},
			}},
			{title: "Time of a run, p99", about: "From taking a run of messages until all of it is handled, retries included.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.99, sum by (le, router) (rate(gochat_router_run_seconds_bucket{@}[$__rate_interval])))`, "{{router}}"},
			}},
			{title: "Messages a run", about: "How many messages of a lane went through together. Runs grow with load, which is what keeps their cost down.", unit: "short", queries: []query{
				{`sum by (router) (rate(gochat_router_run_messages_sum{@}[$__rate_interval])) / sum by (router) (rate(gochat_router_run_messages_count{@}[$__rate_interval]))`, "{{router}} on average"},
			}},
		}},
		{"Stages of the message router", []view{
			{title: "Time by stage, p99", about: "Without the stages after it. persist is the database, deliver the queue.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.99, sum by (le, stage) (rate(gochat_pipeline_stage_seconds_bucket{@,outcome="ok"}[$__rate_interval])))`, "{{stage}}"},
			}},
			{title: "Where the time goes", about: "Seconds that runs spend in each stage, a second: 1 is one run in it at all times.", unit: "short", stacked: true, queries: []query{
				{`sum by (stage) (rate(gochat_pipeline_stage_seconds_sum{@}[$__rate_interval]))`, "{{stage}}"},
			}},
			{title: "Errors by stage", about: "Runs that a stage ended with an error; most are tried again.", unit: "ops", queries: []query{
				{`sum by (stage) (rate(gochat_pipeline_stage_seconds_count{@,outcome="error"}[$__rate_interval]))`, "{{stage}}"},
			}},
		}},
		{"What comes of it", []view{
			{title: "Recipients a message", about: "Connected users that a message was pushed to, without the world and large groups.", unit: "short", queries: []query{
				{`sum(rate(gochat_pipeline_recipients_sum{@}[$__rate_interval])) / sum(rate(gochat_pipeline_recipients_count{@}[$__rate_interval]))`, "on average"},
				{`histogram_quantile(0.99, sum by (le) (rate(gochat_pipeline_recipients_bucket{@}[$__rate_interval])))`, "p99"},
			}},
			{title: "Records published", about: "By handlers, by topic; the topics of all gateways are one.", unit: "ops", stacked: true, queries: []query{
				{`sum by (topic) (rate(gochat_outbox_records_total{@}[$__rate_interval]))`, "{{topic}}"},
			}},
			{title: "Time to publish", about: "Until the queue has confirmed what a run of messages publishes.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.5, sum by (le, outcome) (rate(gochat_outbox_publish_seconds_bucket{@}[$__rate_interval])))`, "p50 {{outcome}}"},
				{`histogram_quantile(0.99, sum by (le, outcome) (rate(gochat_outbox_publish_seconds_bucket{@}[$__rate_interval])))`, "p99 {{outcome}}"},
			}},
		}},
		{"Trouble", []view{
			{title: "Retries", about: "Runs that were tried again in place, by reason. Some are normal while a dependency restarts.", unit: "ops", queries: []query{
				{`sum by (router, reason) (rate(gochat_router_retries_total{@}[$__rate_interval]))`, "{{router}}: {{reason}}"},
			}},
			{title: "Given up", about: "Records that went to the poison topic, by reason.", unit: "short", queries: []query{
				{`sum by (router, reason) (increase(gochat_router_poisoned_total{@}[$__rate_interval]))`, "{{router}}: {{reason}}"},
			}},
			{title: "Webhooks behind", about: "For how long the conversation that has waited longest has had news that a receiver did not take.", unit: "s", queries: []query{
				{`max by (hook) (gochat_webhook_oldest_seconds{@})`, "{{hook}}"},
			}},
		}},
		{"Webhooks", []view{
			{title: "Messages taken", about: "By receivers.", unit: "ops", queries: []query{
				{`sum by (hook) (rate(gochat_webhook_messages_total{@}[$__rate_interval]))`, "{{hook}}"},
			}},
			{title: "Time of a request, p99", about: "By receiver and how it ended.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.99, sum by (le, hook, outcome) (rate(gochat_webhook_post_seconds_bucket{@}[$__rate_interval])))`, "{{hook}}: {{outcome}}"},
			}},
			{title: "Messages not taken yet", about: "And the conversations that they are of.", unit: "short", queries: []query{
				{`max by (hook) (gochat_webhook_behind_messages{@})`, "{{hook}}: messages"},
				{`max by (hook) (gochat_webhook_behind_conversations{@})`, "{{hook}}: conversations"},
				{`max by (hook) (gochat_webhook_down{@})`, "{{hook}}: is down"},
			}},
		}},
	},
}

// quantiles returns queries for p50, p90, p99 and p99.9 of a histogram, by a label or, with "", of all series.
func quantiles(histogram, by string) []query {
	group, name := "le", ""
	if by != "" {
		group, name = "le, "+by, " {{"+by+"}}"
	}
	var out []query
	for _, q := range []struct{ q, name string }{{"0.5", "p50"}, {"0.9", "p90"}, {"0.99", "p99"}, {"0.999", "p99.9"}} {
		out = append(out, query{
			"histogram_quantile(" + q.q + ", sum by (" + group + ") (rate(" + histogram + "_bucket{@}[$__rate_interval])))", q.name + name,
		})
	}
	return out
}
