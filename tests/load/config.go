package load

import (
	"time"

	"github.com/spf13/pflag"
)

// Config chooses a kind of load and its size. Flags sets the defaults.
type Config struct {
	// URLs of the gateways; senders and their receivers are on different ones.
	URLs []string
	// Pairs is the number of pairs of a sender and a receiver, each with InFlight messages in flight.
	Pairs, InFlight int
	// Peers is the number of receivers that each sender sends to in turn: there are Pairs × Peers
	// conversations.
	Peers int
	// Rate is the number of messages a second that all pairs together send, each when it is due, however
	// long answers take. 0: each pair keeps InFlight messages in flight instead.
	Rate float64
	// Group, if not 0, measures one group with so many members, all online, instead of pairs: InFlight
	// of them send, each one message after the other.
	Group int
	// Groups, if not 0, measures so many groups of Members members; in each of them InFlight members send.
	Groups, Members int
	// World, if not 0, measures world with so many users online; InFlight of them send.
	World int
	// Idle, if not 0, opens so many sockets of Users users, and measures the server's memory after
	// Duration.
	Idle, Users int
	// Reconnect, if not 0, opens so many sockets of Users users, cuts all at once, and measures their return.
	Reconnect int
	// History, if not 0, measures pages of a conversation with so many messages, read by InFlight callers.
	History int
	// Sync, if not 0, measures syncs of InFlight callers, each with news in so many conversations.
	Sync int
	// Content is the size of a message's content in bytes.
	Content int
	// Each of the Runs has a Warmup, which is not measured, and a Duration, which is.
	Warmup, Duration time.Duration
	Runs             int
	// PIDs are the local processes whose CPU and disk are measured, as NAME=PID, and Processes are more of them,
	// for callers without flags. If both are empty, they are the local processes that listen at URLs.
	PIDs      []string
	Processes []Process
	// JSON prints the report as JSON instead of text. HTML is a file to write the report to as a page.
	JSON bool
	HTML string

	// named reports whether a flag was on the command line; nil without a command line.
	named func(flag string) bool
}

// Flags declares the flags that set the fields of c, with their defaults.
func Flags(fs *pflag.FlagSet, c *Config) {
	c.named = fs.Changed
	// --warmup is the old name of --warm-up.
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "warmup" {
			name = "warm-up"
		}
		return pflag.NormalizedName(name)
	})
	fs.StringSliceVar(&c.URLs, "url", []string{"http://127.0.0.1:8080"}, "the server; of several gateways, with commas, each sender and receiver have two")
	fs.IntVar(&c.Pairs, "pairs", 200, "sender/receiver pairs")
	fs.IntVar(&c.InFlight, "in-flight", 8, "messages on the way for each pair; members who send in each group; callers with --history and --sync")
	fs.Float64Var(&c.Rate, "rate", 0, "messages a second of all pairs together, sent when they are due and not when the one before is answered (0: by --in-flight)")
	fs.IntVar(&c.Group, "group", 0, "measure one group with this many members online instead of pairs; --in-flight of them send")
	fs.IntVar(&c.Groups, "groups", 0, "measure this many groups of --members each; --in-flight of each send")
	fs.IntVar(&c.Members, "members", 50, "members of each of the --groups, all online, each in one of them")
	fs.IntVar(&c.World, "world", 0, "measure the world with this many users online; --in-flight of them send, and everybody on the server gets it")
	fs.IntVar(&c.Peers, "peers", 1, "receivers that each sender sends to in turn; pairs × peers are the conversations")
	fs.IntVar(&c.Content, "content", 128, "bytes a message")
	fs.DurationVar(&c.Warmup, "warm-up", 3*time.Second, "time before measuring, in each run")
	fs.DurationVar(&c.Duration, "duration", 20*time.Second, "time of measuring, in each run")
	fs.IntVar(&c.Runs, "runs", 1, "measure so many times, and tell the median of each figure and its spread")
	fs.IntVar(&c.Idle, "idle", 0, "open this many idle sockets instead, and measure memory")
	fs.IntVar(&c.Users, "users", 250, "users that hold the sockets of --idle and --reconnect")
	fs.IntVar(&c.Reconnect, "reconnect", 0, "connect this many sockets, cut all at once, and measure their coming back, each with a sync")
	fs.IntVar(&c.History, "history", 0, "fill a conversation with this many messages, and measure pages of it: the newest, and deep ones")
	fs.IntVar(&c.Sync, "sync", 0, "measure syncs of users who were offline, with news in this many conversations each")
	fs.StringSliceVar(&c.PIDs, "pid", nil, "NAME=PID of each local process whose CPU and disk to measure, with commas (default: those that listen at --url; Linux)")
	fs.BoolVar(&c.JSON, "json", false, "print the report as JSON")
	fs.StringVar(&c.HTML, "html", "", "write the report to this file as well, as one page with plots")
}
