package load

import (
	"encoding/json"
	"fmt"
)

// Report has the results of one run. The unit of a time is in its name; a Latency is in milliseconds.
type Report struct {
	Mode  string `json:"mode"`
	Cores int    `json:"cores"`

	Pairs            int     `json:"pairs,omitempty"`
	Conversations    int     `json:"conversations,omitempty"`
	InFlight         int     `json:"inFlight,omitempty"`
	Rate             float64 `json:"rate,omitempty"`
	ContentBytes     int     `json:"contentBytes,omitempty"`
	Seconds          float64 `json:"seconds,omitempty"`
	Stored           int64   `json:"stored,omitempty"`
	Delivered        int64   `json:"delivered,omitempty"`
	StoredPerSecond  float64 `json:"storedPerSecond,omitempty"`
	DeliveredSecond  float64 `json:"deliveredPerSecond,omitempty"`
	StoredLatency    Latency `json:"storedLatency,omitzero"`
	DeliveredLatency Latency `json:"deliveredLatency,omitzero"`
	Errors           int64   `json:"errors,omitempty"`
	// ServerMicrosEach comes from the metrics of the first server; in a cluster that is one process of many.
	ServerMicrosEach float64 `json:"serverCpuMicrosPerMessage,omitempty"`
	ClientMicrosEach float64 `json:"clientCpuMicrosPerMessage,omitempty"`
	// CheckedPairs and CheckedMessages cover all runs: histories are read once, at the end.
	CheckedPairs      int     `json:"checkedPairs,omitempty"`
	CheckedMessages   int     `json:"checkedMessages,omitempty"`
	ServerMemoryBytes float64 `json:"serverMemoryBytes,omitempty"`

	Groups         int     `json:"groups,omitempty"`
	Members        int     `json:"members,omitempty"`
	DeliveryMicros float64 `json:"serverCpuMicrosPerDelivery,omitempty"`
	SyncHints      int64   `json:"syncHints,omitempty"`
	Skipped        int64   `json:"skipped,omitempty"`

	Idle             int     `json:"idleSockets,omitempty"`
	RSSPerSocket     float64 `json:"rssBytesPerSocket,omitempty"`
	GoBytesPerSocket float64 `json:"goBytesPerSocket,omitempty"`

	Storm   *Storm   `json:"reconnect,omitempty"`
	History *Pages   `json:"history,omitempty"`
	Sync    *Syncing `json:"sync,omitempty"`

	// Each names the unit of the costs in Processes: message, page, sync or socket.
	Each      string   `json:"each,omitempty"`
	Processes []Cost   `json:"processes,omitempty"`
	Notes     []string `json:"notes,omitempty"`
	Timeline  []Series `json:"timeline,omitempty"`
}

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	P50, P90, P99, Max float64
	Count              int64      `json:"count,omitempty"`
	Curve              []Quantile `json:"curve,omitempty"`
}

// Quantile is one point of a latency's curve.
type Quantile struct {
	Percent float64 `json:"percent"`
	Millis  float64 `json:"ms"`
}

// Series is the throughput of one kind over the time of a run.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is one value of a series, Seconds after the begin of the run.
type Point struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
}

// Storm has the results of cutting all sockets at once.
type Storm struct {
	Sockets int `json:"sockets"`
	Users   int `json:"users"`
	// AllHelloSeconds is the time from the cut to the last hello, AllSyncedSeconds to the last answer to a sync.
	AllHelloSeconds  float64 `json:"allHelloSeconds"`
	AllSyncedSeconds float64 `json:"allSyncedSeconds"`
	// Hello and Synced begin at the cut, as a user's wait does; SyncCall is the time of the call alone.
	Hello    Latency `json:"hello"`
	Synced   Latency `json:"synced"`
	SyncCall Latency `json:"syncCall"`
	// Refused counts attempts that failed for now and were repeated.
	Refused int64 `json:"refused"`
	// Before and During are the delivery latencies of a few other pairs, before and during the storm.
	Before Latency `json:"chatBefore"`
	During Latency `json:"chatDuring"`
}

// Pages has the latencies of pages of a long conversation: Head of the newest page, Depth of pages in the older half.
type Pages struct {
	Messages  int     `json:"messages"`
	Callers   int     `json:"callers"`
	PerSecond float64 `json:"pagesPerSecond"`
	Head      Latency `json:"head"`
	Depth     Latency `json:"depth"`
}

// Syncing has the latencies of syncs with news in many conversations.
type Syncing struct {
	Conversations int     `json:"conversations"`
	Callers       int     `json:"callers"`
	PerSecond     float64 `json:"syncsPerSecond"`
	// Call is the time of one call, Whole that of all calls of one sync.
	Call  Latency `json:"call"`
	Whole Latency `json:"whole"`
}

// Results has the reports of all runs.
type Results struct {
	Runs []*Report `json:"runs"`
}

// MarshalJSON encodes a single run as its report, and several runs as their reports with the medians.
func (r *Results) MarshalJSON() ([]byte, error) {
	var (
		out []byte
		err error
	)
	if len(r.Runs) == 1 {
		out, err = json.Marshal(r.Runs[0])
	} else {
		out, err = json.Marshal(struct {
			Runs    []*Report `json:"runs"`
			Medians []Median  `json:"medians"`
		}{r.Runs, r.Medians()})
	}
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return out, nil
}
