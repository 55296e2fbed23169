// Package load measures a running server through real sockets: how many messages
// it stores and delivers, how long that takes, what it costs.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"github.com/gochat/gochat/tests/client"
)

// Config says what to measure.
type Config struct {
	// URLs of the gateways; senders and their receivers are on different ones.
	URLs []string
	// Pairs of a sender and a receiver, each with InFlight messages on the way.
	Pairs, InFlight int
	// Peers is to how many receivers each sender sends in turn: there are Pairs × Peers
	// conversations.
	Peers int
	// Rate is how many messages a second all pairs together send, however long answers take; 0: each
	// pair has InFlight messages on the way.
	Rate float64
	// Group is the number of members of one group who are all online, instead of pairs: InFlight
	// of them send, each one message after the other.
	Group int
	// Content is bytes a message.
	Content int
	// Warmup is not measured; Duration is.
	Warmup, Duration time.Duration
	// Idle sockets instead of pairs, of Users users; memory is measured after
	// Duration.
	Idle, Users int
	// JSON prints the report for machines.
	JSON bool
	// Around, when set, is called when the measured time begins and when it ends.
	Around func(begins bool)
}

// Flags declares the configuration's flags with its present values as defaults.
func Flags(fs *pflag.FlagSet, c *Config) {
	fs.StringSliceVar(&c.URLs, "url", []string{"http://127.0.0.1:8080"}, "the server; of several gateways, with commas, each sender and receiver have two")
	fs.IntVar(&c.Pairs, "pairs", 200, "sender/receiver pairs")
	fs.IntVar(&c.InFlight, "in-flight", 8, "messages on the way for each pair")
	fs.Float64Var(&c.Rate, "rate", 0, "messages a second of all pairs together, sent when they are due and not when the one before is answered (0: by --in-flight)")
	fs.IntVar(&c.Group, "group", 0, "measure one group with this many members online instead of pairs; --in-flight of them send")
	fs.IntVar(&c.Peers, "peers", 1, "receivers that each sender sends to in turn; pairs × peers are the conversations")
	fs.IntVar(&c.Content, "content", 128, "bytes a message")
	fs.DurationVar(&c.Warmup, "warmup", 3*time.Second, "time before measuring")
	fs.DurationVar(&c.Duration, "duration", 20*time.Second, "time of measuring")
	fs.IntVar(&c.Idle, "idle", 0, "open this many idle sockets instead, and measure memory")
	fs.IntVar(&c.Users, "users", 250, "users that hold the idle sockets")
	fs.BoolVar(&c.JSON, "json", false, "print the report as JSON")
}

// Report is what was measured. Times are in milliseconds.
type Report struct {
	Cores int `json:"cores"`

	Pairs             int     `json:"pairs,omitempty"`
	Conversations     int     `json:"conversations,omitempty"`
	InFlight          int     `json:"inFlight,omitempty"`
	Rate              float64 `json:"rate,omitempty"`
	ContentBytes      int     `json:"contentBytes,omitempty"`
	Seconds           float64 `json:"seconds,omitempty"`
	Stored            int64   `json:"stored,omitempty"`
	Delivered         int64   `json:"delivered,omitempty"`
	StoredPerSecond   float64 `json:"storedPerSecond,omitempty"`
	DeliveredSecond   float64 `json:"deliveredPerSecond,omitempty"`
	StoredLatency     Latency `json:"storedLatency,omitzero"`
	DeliveredLatency  Latency `json:"deliveredLatency,omitzero"`
	Errors            int64   `json:"errors,omitempty"`
	ServerMicrosEach  float64 `json:"serverCpuMicrosPerMessage,omitempty"`
	ClientMicrosEach  float64 `json:"clientCpuMicrosPerMessage,omitempty"`
	CheckedPairs      int     `json:"checkedPairs,omitempty"`
	CheckedMessages   int     `json:"checkedMessages,omitempty"`
	ServerMemoryBytes float64 `json:"serverMemoryBytes,omitempty"`

	Members        int     `json:"members,omitempty"`
	DeliveryMicros float64 `json:"serverCpuMicrosPerDelivery,omitempty"`
	SyncHints      int64   `json:"syncHints,omitempty"`
	Skipped        int64   `json:"skipped,omitempty"`

	Idle             int     `json:"idleSockets,omitempty"`
	RSSPerSocket     float64 `json:"rssBytesPerSocket,omitempty"`
	GoBytesPerSocket float64 `json:"goBytesPerSocket,omitempty"`
}

// Latency of one kind, in milliseconds.
type Latency struct {
	P50, P90, P99, Max float64
}

// ErrWrong is wrapped when the server broke a promise during the run.
var ErrWrong = errors.New("the server broke a promise")

// Run measures and returns the report; progress gets a line now and then.
func Run(ctx context.Context, cfg Config, progress io.Writer) (*Report, error) {
	if len(cfg.URLs) == 0 {
		return nil, errors.New("name a server by --url")
	}
	var servers []*client.Server
	for _, url := range cfg.URLs {
		s := client.New(url)
		defer s.Close()
		servers = append(servers, s)
	}
	r := &Report{Cores: runtime.NumCPU()}
	if cfg.Idle > 0 {
		return r, idle(ctx, cfg, servers[0], r, progress)
	}
	if cfg.Pairs < 1 || cfg.InFlight < 1 || cfg.InFlight > ringSize || cfg.Content < 1 {
		return nil, fmt.Errorf("pairs %d, in-flight %d and content %d must be at least 1, in-flight at most %d",
			cfg.Pairs, cfg.InFlight, cfg.Content, ringSize)
	}
	if cfg.Rate < 0 || cfg.Group < 0 || cfg.Group == 1 || cfg.Group > 0 && cfg.Rate > 0 {
		return nil, fmt.Errorf("rate %v must not be negative, a group has at least 2 members (not %d), and --group goes without --rate", cfg.Rate, cfg.Group)
	}
	if cfg.Group > 0 {
		return r, group(ctx, cfg, servers, r, progress)
	}
	if cfg.Peers < 1 || cfg.Peers > cfg.Pairs {
		return nil, fmt.Errorf("peers %d must be 1 to the number of pairs, %d", cfg.Peers, cfg.Pairs)
	}
	r.Conversations = cfg.Pairs * cfg.Peers
	return r, pairs(ctx, cfg, servers, r, progress)
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	if r.Idle > 0 {
		line("%d idle sockets, %d cores", r.Idle, r.Cores)
		line("  memory a socket   %.1f KB resident, %.1f KB Go heap and stacks", r.RSSPerSocket/1000, r.GoBytesPerSocket/1000)
		return err
	}
	switch {
	case r.Members > 0:
		line("a group of %d members online, %d in flight, %d bytes, %.1f s, %d cores shared with this generator",
			r.Members, r.InFlight, r.ContentBytes, r.Seconds, r.Cores)
	case r.Rate > 0:
		line("%d pairs, %.0f messages a second offered, %d conversations, %d bytes, %.1f s, %d cores shared with this generator",
			r.Pairs, r.Rate, r.Conversations, r.ContentBytes, r.Seconds, r.Cores)
	default:
		line("%d pairs, %d in flight each, %d conversations, %d bytes, %.1f s, %d cores shared with this generator",
			r.Pairs, r.InFlight, r.Conversations, r.ContentBytes, r.Seconds, r.Cores)
	}
	line("  stored     %8.0f /s   p50 %6.1f ms   p90 %6.1f ms   p99 %6.1f ms   max %6.1f ms", r.StoredPerSecond,
		r.StoredLatency.P50, r.StoredLatency.P90, r.StoredLatency.P99, r.StoredLatency.Max)
	line("  delivered  %8.0f /s   p50 %6.1f ms   p90 %6.1f ms   p99 %6.1f ms   max %6.1f ms", r.DeliveredSecond,
		r.DeliveredLatency.P50, r.DeliveredLatency.P90, r.DeliveredLatency.P99, r.DeliveredLatency.Max)
	line("  CPU        %8.1f µs a message in the server, %.1f µs in this generator", r.ServerMicrosEach, r.ClientMicrosEach)
	line("  memory     %8.1f MB resident in the server", r.ServerMemoryBytes/1e6)
	if r.Members > 0 {
		line("             %8.2f µs a delivery in the server", r.DeliveryMicros)
		line("  slow       %d sync-hints, %d messages not pushed", r.SyncHints, r.Skipped)
		line("  checked    %d messages in history: whole, in order", r.CheckedMessages)
	} else {
		line("  checked    %d messages of %d pairs in history: whole, in order", r.CheckedMessages, r.CheckedPairs)
	}
	line("  errors     %d", r.Errors)
	return err
}
