package main

var servers = board{
	name: "servers", title: "Servers", byRole: true,
	about: "Processes of GoChat: what each takes, who calls whom, what is missing.",
	rows: []row{
		{"Processes", []view{
			{title: "Up", about: "Processes that Prometheus reaches, by role.", unit: "short", stacked: true, queries: []query{
				{`sum by (role) (up{@})`, "{{role}}"},
			}},
			{title: "Restarts", about: "Processes that began within the time of a point.", unit: "short", queries: []query{
				{`sum by (role) (changes(process_start_time_seconds{@}[$__rate_interval]))`, "{{role}}"},
			}},
			{title: "Versions", about: "Two at once are an upgrade.", unit: "short", stacked: true, queries: []query{
				{`count by (role, version) (gochat_build_info{@})`, "{{role}} {{version}}"},
			}},
		}},
		{"What they take", []view{
			{title: "CPU", about: "Cores that are used.", unit: "short", queries: []query{
				{`sum by (role, instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))`, "{{role}} {{instance}}"},
			}},
			{title: "Memory", about: "Resident.", unit: "bytes", queries: []query{
				{`sum by (role, instance) (process_resident_memory_bytes{@})`, "{{role}} {{instance}}"},
			}},
			{title: "Open files", about: "Share of the limit. A socket is a file.", unit: "percentunit", max: 1, above: []float64{0.7, 0.9}, queries: []query{
				{`max by (role, instance) (process_open_fds{@} / process_max_fds{@})`, "{{role}} {{instance}}"},
			}},
		}},
		{"Go", []view{
			{title: "Goroutines", about: "A line that only climbs is a leak.", unit: "short", queries: []query{
				{`sum by (role, instance) (go_goroutines{@})`, "{{role}} {{instance}}"},
			}},
			{title: "Heap", about: "In use.", unit: "bytes", queries: []query{
				{`sum by (role, instance) (go_memstats_heap_inuse_bytes{@})`, "{{role}} {{instance}}"},
			}},
			{title: "Longest pause of the garbage collection", about: "Within the last collections.", unit: "s", queries: []query{
				{`max by (role, instance) (go_gc_duration_seconds{@,quantile="1"})`, "{{role}} {{instance}}"},
			}},
		}},
		{"What they depend on", []view{
			{title: "Dependencies that are missing", about: "1 while a process is without one: degraded, it goes on without; down, it cannot.", unit: "short", queries: []query{
				{`max by (role, dependency, state) (gochat_dependency_state{@,state!="ok"}) > 0`, "{{role}}: {{dependency}} is {{state}}"},
			}},
			{title: "Who leads", about: "The janitor that does the chores; there must be one, and not two.", unit: "short", queries: []query{
				{`sum by (instance) (gochat_janitor_leads{@})`, "{{instance}}"},
			}},
			{title: "Leases of worker ids", about: "For how long each process may make ids without another answer of etcd. 0: it makes none, and what needs one waits.", unit: "s", queries: []query{
				{`min by (role, instance) (gochat_registry_worker_id_lease_seconds{@})`, "{{role}} {{instance}}"},
			}},
			{title: "Ids", about: "Made; waits for the clock, where a millisecond's numbers were used up; failures, where there was no worker id for sure.", unit: "ops", queries: []query{
				{`sum by (role) (rate(gochat_ids_made_total{@}[$__rate_interval]))`, "{{role}}: made"},
				{`sum by (role) (rate(gochat_ids_clock_waits_total{@}[$__rate_interval]))`, "{{role}}: waits"},
				{`sum by (role) (rate(gochat_ids_failures_total{@}[$__rate_interval]))`, "{{role}}: failures"},
			}},
			{title: "Configuration read again", about: "By source and outcome. refused: it makes no sense, and nothing has changed; restart: some settings wait for one.", unit: "short", queries: []query{
				{`sum by (source, outcome) (increase(gochat_config_reloads_total{@}[$__rate_interval]))`, "{{source}}: {{outcome}}"},
			}},
			{title: "Certificates end in", about: "Those for calls between processes.", unit: "s", below: []float64{1209600, 259200}, queries: []query{
				{`min by (role, instance) (gochat_rpc_certificate_expires_timestamp_seconds{@} - time())`, "{{role}} {{instance}}"},
			}},
		}},
		{"Calls between roles", []view{
			{title: "Calls", about: "Answered a second, by who called.", unit: "reqps", stacked: true, queries: []query{
				{`sum by (role, caller) (rate(gochat_rpc_server_seconds_count{@}[$__rate_interval]))`, "{{caller}} to {{role}}"},
			}},
			{title: "Time by method, p99", about: "At who answers: the slowest ones.", unit: "s", log: true, queries: []query{
				{`topk(10, histogram_quantile(0.99, sum by (le, method) (rate(gochat_rpc_server_seconds_bucket{@}[$__rate_interval]))))`, "{{method}}"},
			}},
			{title: "Calls that failed", about: "At who called, retries included, by result. NotFound, InvalidArgument and the like are answers, and left out.", unit: "reqps", queries: []query{
				{`sum by (role, code) (rate(gochat_rpc_client_seconds_count{@,code=~"Unavailable|DeadlineExceeded|Internal|Unknown|ResourceExhausted|DataLoss|Unimplemented"}[$__rate_interval]))`, "{{role}}: {{code}}"},
			}},
		}},
	},
}
