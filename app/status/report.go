// Package status tells people how a process is: as a page for browsers, as JSON, and as text for
// terminals. All three show one Report.
package status

// Report is how a process is at a moment. It is the form of /status.json: times are Unix
// milliseconds, durations seconds; what a process has no part in is null or left out. Fields may be
// added.
type Report struct {
	At int64 `json:"at"`
	// WindowSeconds is the time before At that rates and latencies are of.
	WindowSeconds float64 `json:"windowSeconds"`
	Process       Process `json:"process"`
	// State is the worst of the dependencies': ok, degraded or down.
	State        string       `json:"state"`
	Dependencies []Dependency `json:"dependencies"`
	Rates        Rates        `json:"rates"`
	Latencies    Latencies    `json:"latencies"`
	// Stages are those of the message pipeline in this process.
	Stages []Stage `json:"stages"`
	// Gateway is of a process with that role.
	Gateway *Gateway `json:"gateway"`
	// Lag is told by the process that leads the chores.
	Lag      []Lag    `json:"lag"`
	Poisoned []Poison `json:"poisoned"`
	// Leads is whether this process does the chores that one does for all.
	Leads *bool `json:"leads"`
	// WorkerLeaseSeconds is for how long the id by which this process makes ids is its own for sure.
	WorkerLeaseSeconds *float64 `json:"workerLeaseSeconds"`
	// Errors are the last warnings and errors of the log, without errors' texts, the newest first.
	Errors []Line `json:"errors"`
	// Processes are all that etcd knows of; empty where everything is in one.
	Processes []Peer `json:"processes"`
	// Cluster is what all processes that answered say together; null where everything is in one,
	// and where a process was asked about itself alone (/status.json?alone).
	Cluster *Cluster `json:"cluster"`
}

// Cluster adds up what processes say. OK of Processes are ok.
type Cluster struct {
	Processes int      `json:"processes"`
	OK        int      `json:"ok"`
	Rates     Rates    `json:"rates"`
	Sockets   *float64 `json:"sockets"`
	Lag       []Lag    `json:"lag"`
	Poisoned  []Poison `json:"poisoned"`
	// Errors are the newest lines of all, each with its Process.
	Errors []Line `json:"errors"`
}

// Process is who tells, and what it takes.
type Process struct {
	Name          string   `json:"name"`
	Roles         []string `json:"roles"`
	Version       string   `json:"version"`
	Revision      string   `json:"revision"`
	Go            string   `json:"go"`
	StartedAt     int64    `json:"startedAt"`
	UptimeSeconds float64  `json:"uptimeSeconds"`
	LogLevel      string   `json:"logLevel"`
	// CPU is how many cores it kept busy.
	CPU         *float64 `json:"cpu"`
	MemoryBytes *float64 `json:"memoryBytes"`
	Goroutines  *float64 `json:"goroutines"`
	OpenFiles   *float64 `json:"openFiles"`
}

// Dependency is one of /readyz.
type Dependency struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// SinceAt is since when it has been seen in this state.
	SinceAt int64 `json:"sinceAt"`
}

// Rates are messages a second.
type Rates struct {
	// Accepted were taken by gateways, Stored are in the database since, Delivered were pushed to
	// sockets.
	Accepted  *float64 `json:"accepted"`
	Stored    *float64 `json:"stored"`
	Delivered *float64 `json:"delivered"`
}

// Latencies are times on a message's way.
type Latencies struct {
	AcceptedToStored  *Latency `json:"acceptedToStored"`
	AcceptedToWritten *Latency `json:"acceptedToWritten"`
}

// Latency is how long something took: half of it at most P50, and 99 of 100 at most P99. Both are
// null when there was nothing in the window.
type Latency struct {
	P50Seconds *float64 `json:"p50Seconds"`
	P99Seconds *float64 `json:"p99Seconds"`
	Count      float64  `json:"count"`
}

// Stage is one of the pipeline.
type Stage struct {
	Name string `json:"name"`
	Latency
}

// Gateway is what is connected to one.
type Gateway struct {
	Sockets float64 `json:"sockets"`
	Users   float64 `json:"users"`
}

// Lag is how far a group is behind in a topic.
type Lag struct {
	Topic    string  `json:"topic"`
	Group    string  `json:"group"`
	Messages float64 `json:"messages"`
}

// Poison counts records that this process gave up since its start.
type Poison struct {
	Reason string  `json:"reason"`
	Count  float64 `json:"count"`
}

// Line is a warning or an error that was told Count times, At the last time.
type Line struct {
	At      int64             `json:"at"`
	Count   int               `json:"count"`
	Level   string            `json:"level"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
	// Process is whose line it is, among those of all.
	Process string `json:"process,omitempty"`
}

// Peer is a living process. Its own page is at Address, where it has one.
type Peer struct {
	Name    string `json:"name"`
	Roles   string `json:"roles"`
	Address string `json:"address"`
	Version string `json:"version"`
	// State is what it said a moment ago, or that it did not answer; empty: it was not asked. The
	// rest is of the same answer.
	State         string   `json:"state,omitempty"`
	UptimeSeconds *float64 `json:"uptimeSeconds,omitempty"`
	Rates         *Rates   `json:"rates,omitempty"`
	Sockets       *float64 `json:"sockets,omitempty"`
	CPU           *float64 `json:"cpu,omitempty"`
	MemoryBytes   *float64 `json:"memoryBytes,omitempty"`
	Leads         *bool    `json:"leads,omitempty"`
}
