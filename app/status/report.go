// Package status shows the state of a process: as a page for browsers, as JSON, and as text for
// terminals. All three show one Report.
package status

// Report is the state of a process at one moment, and the body of /status.json. Times are Unix
// milliseconds, durations are seconds. A value that does not apply to a process is null or left out.
// Later versions may add fields.
type Report struct {
	At int64 `json:"at"`
	// WindowSeconds is the length of the time before At over which rates and latencies are measured.
	WindowSeconds float64 `json:"windowSeconds"`
	Process       Process `json:"process"`
	// State is the worst state of the dependencies: ok, degraded or down.
	State        string       `json:"state"`
	Dependencies []Dependency `json:"dependencies"`
	Rates        Rates        `json:"rates"`
	Latencies    Latencies    `json:"latencies"`
	// Stages are those of the message pipeline in this process.
	Stages []Stage `json:"stages"`
	// Gateway is null in a process without the role gateway.
	Gateway *Gateway `json:"gateway"`
	// Lag is empty except in the janitor's leader.
	Lag      []Lag    `json:"lag"`
	Poisoned []Poison `json:"poisoned"`
	// Leads is whether this process is the janitor's leader; null without the role janitor.
	Leads *bool `json:"leads"`
	// WorkerLeaseSeconds is how long the lease of the worker id holds without a renewal; null without one.
	WorkerLeaseSeconds *float64 `json:"workerLeaseSeconds"`
	// Errors are the last warnings and errors of the log, the newest first. The text of an error is left
	// out, since it may hold what users wrote.
	Errors []Line `json:"errors"`
	// Processes are all processes at etcd, this one too; empty without a registry.
	Processes []Peer `json:"processes"`
	// Cluster adds up the reports of all processes that answered; null without a registry, and in an
	// answer about one process alone (/status.json?alone).
	Cluster *Cluster `json:"cluster"`
}

// Cluster adds up the reports of all processes.
type Cluster struct {
	// Processes is the number of processes, OK that of processes in the state ok.
	Processes int      `json:"processes"`
	OK        int      `json:"ok"`
	Rates     Rates    `json:"rates"`
	Sockets   *float64 `json:"sockets"`
	Lag       []Lag    `json:"lag"`
	Poisoned  []Poison `json:"poisoned"`
	// Errors are the newest lines of all processes, with Process set.
	Errors []Line `json:"errors"`
}

// Process is the process that made the report, and the resources that it uses.
type Process struct {
	Name          string   `json:"name"`
	Roles         []string `json:"roles"`
	Version       string   `json:"version"`
	Revision      string   `json:"revision"`
	Go            string   `json:"go"`
	StartedAt     int64    `json:"startedAt"`
	UptimeSeconds float64  `json:"uptimeSeconds"`
	LogLevel      string   `json:"logLevel"`
	// CPU is the number of cores that it kept busy in the window.
	CPU         *float64 `json:"cpu"`
	MemoryBytes *float64 `json:"memoryBytes"`
	Goroutines  *float64 `json:"goroutines"`
	OpenFiles   *float64 `json:"openFiles"`
}

// Dependency is a dependency of /readyz.
type Dependency struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// SinceAt is when it was first seen in this state.
	SinceAt int64 `json:"sinceAt"`
}

// Rates are messages a second.
type Rates struct {
	// Accepted counts sends that the queue took from this gateway, Stored messages that this repo
	// stored, Delivered pushes to sockets of this gateway.
	Accepted  *float64 `json:"accepted"`
	Stored    *float64 `json:"stored"`
	Delivered *float64 `json:"delivered"`
}

// Latencies are the times from the acceptance of a send to its storage, and to its writing to a receiver's socket.
type Latencies struct {
	AcceptedToStored  *Latency `json:"acceptedToStored"`
	AcceptedToWritten *Latency `json:"acceptedToWritten"`
}

// Latency has the median and the 99th percentile of Count observations. Both are null when the window
// has none.
type Latency struct {
	P50Seconds *float64 `json:"p50Seconds"`
	P99Seconds *float64 `json:"p99Seconds"`
	Count      float64  `json:"count"`
}

// Stage is the latency of one stage of the message pipeline.
type Stage struct {
	Name string `json:"name"`
	Latency
}

// Gateway counts the open sockets of a gateway, and their users.
type Gateway struct {
	Sockets float64 `json:"sockets"`
	Users   float64 `json:"users"`
}

// Lag is the lag of a consumer group in a topic; in the embedded log Messages counts group commits.
type Lag struct {
	Topic    string  `json:"topic"`
	Group    string  `json:"group"`
	Messages float64 `json:"messages"`
}

// Poison counts the records that this process gave up as poison since its start, by reason.
type Poison struct {
	Reason string  `json:"reason"`
	Count  float64 `json:"count"`
}

// Line is a warning or an error that was logged Count times in a row, last at At.
type Line struct {
	At      int64             `json:"at"`
	Count   int               `json:"count"`
	Level   string            `json:"level"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
	// Process is the process that logged the line; empty in a report of one process.
	Process string `json:"process,omitempty"`
}

// Peer is a living process. Address is that of its own status page; empty: it has none.
type Peer struct {
	Name    string `json:"name"`
	Roles   string `json:"roles"`
	Address string `json:"address"`
	Version string `json:"version"`
	// State is the state in its last report, StateSilent or StateRefuses; empty: it was not asked.
	// The fields below are of the same report.
	State         string   `json:"state,omitempty"`
	UptimeSeconds *float64 `json:"uptimeSeconds,omitempty"`
	Rates         *Rates   `json:"rates,omitempty"`
	Sockets       *float64 `json:"sockets,omitempty"`
	CPU           *float64 `json:"cpu,omitempty"`
	MemoryBytes   *float64 `json:"memoryBytes,omitempty"`
	Leads         *bool    `json:"leads,omitempty"`
}
