package main

var storage = board{
	name: "storage", title: "Storage",
	about: "The storage role: the database, its pools, the cache.",
	rows: []row{
		{"Messages", []view{
			{title: "Stored", about: "By what became of them. duplicate: it was stored already; refused: its sender may not send there.", unit: "ops", queries: []query{
				{`sum by (outcome) (rate(gochat_repo_messages_total{@}[$__rate_interval]))`, "{{outcome}}"},
			}},
			{title: "Time to store", about: "Of a call, with its wait for the transaction before.", unit: "s", log: true, queries: quantiles("gochat_repo_save_seconds", "")},
			{title: "Messages a transaction", about: "Calls at the same time share one: more load, fewer commits a message.", unit: "short", queries: []query{
				{`sum(rate(gochat_repo_transaction_messages_sum{@}[$__rate_interval])) / sum(rate(gochat_repo_transaction_messages_count{@}[$__rate_interval]))`, "on average"},
			}},
		}},
		{"Database", []view{
			{title: "Connections", about: "By pool and what they do.", unit: "short", queries: []query{
				{`sum by (pool, state) (gochat_repo_database_connections{@})`, "{{pool}}: {{state}}"},
			}},
			{title: "Time spent waiting for a connection", about: "Seconds a second. More than 1 means that at all times somebody waits: the pool is too small or the database too slow.", unit: "short", above: []float64{1, 4}, queries: []query{
				{`sum by (pool) (rate(gochat_repo_database_wait_seconds_total{@}[$__rate_interval]))`, "{{pool}}"},
			}},
			{title: "Reads of replicas", about: "late: the replica did not have yet what the primary has; failed: no answer. In both cases the primary was asked.", unit: "ops", queries: []query{
				{`sum by (replica, outcome) (rate(gochat_repo_replica_reads_total{@}[$__rate_interval]))`, "{{replica}}: {{outcome}}"},
			}},
		}},
		{"Cache", []view{
			{
				title: "Hits", about: "Share of what was asked that the cache had. The aim is more than 90 %. dedup is left out: a new message is a miss by nature.", unit: "percentunit",
				max: 1, below: []float64{0.9, 0.7},
				queries: []query{{
					`sum by (cache) (rate(gochat_repo_cache_total{@,cache!="dedup",outcome="hit"}[$__rate_interval])) / sum by (cache) (rate(gochat_repo_cache_total{@,cache!="dedup"}[$__rate_interval]))`,
					"{{cache}}",
				}},
			},
			{title: "Items asked for", about: "By cache.", unit: "ops", queries: []query{
				{`sum by (cache) (rate(gochat_repo_cache_total{@}[$__rate_interval]))`, "{{cache}}"},
			}},
		}},
	},
}
