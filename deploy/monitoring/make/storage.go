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
			{title: "Time of statements, p99", about: "By what they do; other: several in one transaction, as the one that stores messages.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.99, sum by (le, operation) (rate(gochat_repo_database_query_seconds_bucket{@}[$__rate_interval])))`, "{{operation}}"},
			}},
			{title: "Statements", about: "By what they do.", unit: "ops", stacked: true, queries: []query{
				{`sum by (operation) (rate(gochat_repo_database_query_seconds_count{@}[$__rate_interval]))`, "{{operation}}"},
			}},
			{title: "Statements that failed", about: "A unique key that was taken already is a failure here and may be normal. canceled: who asked went away or had no time left.", unit: "ops", queries: []query{
				{`sum by (operation, outcome) (rate(gochat_repo_database_query_seconds_count{@,outcome!="ok"}[$__rate_interval]))`, "{{operation}}: {{outcome}}"},
			}},
			{title: "Connections", about: "By pool and what they do, and how many there may be.", unit: "short", queries: []query{
				{`sum by (pool, state) (gochat_repo_database_connections{@})`, "{{pool}}: {{state}}"},
				{`sum by (pool) (gochat_repo_database_connections_max{@})`, "{{pool}}: may be"},
			}},
			{title: "Waits for a connection", about: "Calls that had to wait, by pool. SQLite writes one at a time, so that waits for its writer are normal under load.", unit: "ops", queries: []query{
				{`sum by (pool) (rate(gochat_repo_database_waits_total{@}[$__rate_interval]))`, "{{pool}}"},
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
				title: "Hits", about: "Share of what was asked that the cache had. The aim is more than 90 %. What misses by nature is left out: new messages (dedup) and history beyond the newest 300 (old).", unit: "percentunit",
				max: 1, below: []float64{0.9, 0.7},
				queries: []query{
					{`avg by (cache) (gochat:cache_hits:ratio_rate15m{@})`, "{{cache}}"},
					{`sum(rate(gochat_pipeline_members_cache_total{@,outcome="hit"}[15m])) / sum(rate(gochat_pipeline_members_cache_total{@}[15m]))`, "members of groups, in workers"},
				},
			},
			{title: "Items asked for", about: "By cache and whether it had them.", unit: "ops", queries: []query{
				{`sum by (cache, outcome) (rate(gochat_repo_cache_total{@}[$__rate_interval]))`, "{{cache}}: {{outcome}}"},
			}},
			{title: "Memory of Redis", about: "By master, and what it may use for keys; embedded: the cache of one process.", unit: "bytes", queries: []query{
				{`max by (node) (gochat_repo_redis_memory_bytes{@})`, "{{node}}"},
				{`max by (node) (gochat_repo_redis_memory_max_bytes{@} > 0)`, "{{node}}: may be"},
			}},
			{title: "Keys in Redis", about: "By master.", unit: "short", queries: []query{
				{`max by (node) (gochat_repo_redis_keys{@})`, "{{node}}"},
			}},
			{title: "Keys thrown out", about: "For lack of memory, by master. Sessions among them are missed: give Redis more memory.", unit: "ops", queries: []query{
				{`max by (node) (rate(gochat_repo_redis_evicted_keys_total{@}[$__rate_interval]))`, "{{node}}"},
			}},
			{title: "Time of commands, p99", about: "With the wait for a connection; pipeline: several at once.", unit: "s", log: true, queries: []query{
				{`histogram_quantile(0.99, sum by (le, command) (rate(gochat_repo_redis_command_seconds_bucket{@}[$__rate_interval])))`, "{{command}}"},
			}},
			{title: "Commands", about: "By command.", unit: "ops", stacked: true, queries: []query{
				{`sum by (command) (rate(gochat_repo_redis_command_seconds_count{@}[$__rate_interval]))`, "{{command}}"},
			}},
			{title: "Commands that failed", about: "timeout: no answer within kv.timeout, or no connection.", unit: "ops", queries: []query{
				{`sum by (command, outcome) (rate(gochat_repo_redis_command_seconds_count{@,outcome!="ok"}[$__rate_interval]))`, "{{command}}: {{outcome}}"},
			}},
			{title: "Connections to Redis", about: "What they do, and how many there may be to each node.", unit: "short", queries: []query{
				{`sum by (state) (gochat_repo_redis_connections{@})`, "{{state}}"},
				{`sum(gochat_repo_redis_connections_max{@})`, "may be"},
			}},
			{title: "Waits for a connection to Redis", about: "Commands that waited, and those that got none in time.", unit: "ops", queries: []query{
				{`sum(rate(gochat_repo_redis_waits_total{@}[$__rate_interval]))`, "waited"},
				{`sum(rate(gochat_repo_redis_wait_timeouts_total{@}[$__rate_interval]))`, "in vain"},
			}},
			{title: "Time spent waiting for a connection to Redis", about: "Seconds a second.", unit: "short", queries: []query{
				{`sum(rate(gochat_repo_redis_wait_seconds_total{@}[$__rate_interval]))`, "waiting"},
			}},
		}},
		{"Retention", []view{
			{title: "Messages that expired", about: "What they said was taken away; their ids and numbers stay. Nothing where retention keeps for ever, as it does by default.", unit: "ops", queries: []query{
				{`sum(rate(gochat_retention_messages_total{@}[$__rate_interval]))`, "expired"},
			}},
			{title: "Records that were forgotten", about: "Poisoned records, and what receivers of webhooks failed with.", unit: "ops", queries: []query{
				{`sum by (record) (rate(gochat_retention_records_total{@}[$__rate_interval]))`, "{{record}}"},
			}},
			{title: "How late the oldest was", about: "By how much the oldest message that the last round has found had outlived its time. Growing: the rounds do not keep up, or fail.", unit: "s", queries: []query{
				{`max(gochat_retention_overdue_seconds{@})`, "overdue"},
			}},
			{title: "Rounds that failed", about: "They are tried again. The janitor's log says why.", unit: "ops", queries: []query{
				{`sum(rate(gochat_retention_errors_total{@}[$__rate_interval]))`, "failed"},
			}},
		}},
		{"Embedded stores", []view{
			{title: "Sizes", about: "What the stores of the data directory take. The queue gives space back in whole files.", unit: "bytes", queries: []query{
				{`sum by (instance, store) (gochat_data_store_bytes{@})`, "{{instance}} {{store}}"},
			}},
			{title: "Room on the disk", about: "Share that is free. Below a few percent nothing is accepted any more.", unit: "percentunit", max: 1, below: []float64{0.15, 0.05}, queries: []query{
				{`min by (instance) (gochat_data_disk_free_bytes{@} / gochat_data_disk_size_bytes{@})`, "{{instance}}"},
			}},
			{title: "Bytes that are free", about: "On the disk of the data directory.", unit: "bytes", queries: []query{
				{`min by (instance) (gochat_data_disk_free_bytes{@})`, "{{instance}}"},
			}},
		}},
	},
}
