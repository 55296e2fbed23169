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
