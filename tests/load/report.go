package load

import (
	"encoding/json"
	"fmt"
)

// Report is what one run measured. Times are in milliseconds.
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
	// ServerMicrosEach is by the metrics of the first server, which is one process of a cluster.
	ServerMicrosEach float64 `json:"serverCpuMicrosPerMessage,omitempty"`
	ClientMicrosEach float64 `json:"clientCpuMicrosPerMessage,omitempty"`
	// CheckedPairs and CheckedMessages are of all runs: histories are read once, at the end.
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

	// Each says what the costs of Processes are divided by: a message, a page, a sync, a socket.
	Each      string   `json:"each,omitempty"`
	Processes []Cost   `json:"processes,omitempty"`
	Notes     []string `json:"notes,omitempty"`
	Timeline  []Series `json:"timeline,omitempty"`
}

// Latency of one kind, in milliseconds.
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

// Series is how much of something there was over the time of a run.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is one moment of a series.
type Point struct {
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
}

// Storm is what happened when all sockets were cut at once.
type Storm struct {
	Sockets int `json:"sockets"`
	Users   int `json:"users"`
	// AllHelloSeconds is from the cut until the last socket had hello, AllSyncedSeconds until the last sync was answered.
	AllHelloSeconds  float64 `json:"allHelloSeconds"`
	AllSyncedSeconds float64 `json:"allSyncedSeconds"`
	// Hello and Synced are from the cut on, as a user waits; SyncCall is one call.
	Hello    Latency `json:"hello"`
	Synced   Latency `json:"synced"`
	SyncCall Latency `json:"syncCall"`
	// Refused are attempts that were told to come again later.
	Refused int64 `json:"refused"`
	// Before and During are what a small chat of others took for its deliveries.
	Before Latency `json:"chatBefore"`
	During Latency `json:"chatDuring"`
}

// Pages is how long pages of a long conversation took.
type Pages struct {
	Messages  int     `json:"messages"`
	Callers   int     `json:"callers"`
	PerSecond float64 `json:"pagesPerSecond"`
	Head      Latency `json:"head"`
	Depth     Latency `json:"depth"`
}

// Syncing is how long syncs took that brought news of many conversations.
type Syncing struct {
	Conversations int     `json:"conversations"`
	Callers       int     `json:"callers"`
	PerSecond     float64 `json:"syncsPerSecond"`
	// Call is one call; Whole is all calls that one sync needed.
	Call  Latency `json:"call"`
	Whole Latency `json:"whole"`
}

// Results are all runs.
type Results struct {
	Runs []*Report `json:"runs"`
}

// MarshalJSON writes the report of a single run by itself, and of several each of them with the medians.
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
