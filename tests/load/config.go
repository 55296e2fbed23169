package load

import (
	"time"

	"github.com/spf13/pflag"
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
	// Groups is how many groups of Members members there are instead of one; in each of them InFlight send.
	Groups, Members int
	// World is how many users are online who all get what InFlight of them say in the world.
	World int
	// Idle sockets instead of pairs, of Users users; memory is measured after
	// Duration.
	Idle, Users int
	// Reconnect is how many sockets of Users users are cut at once and come back.
	Reconnect int
	// History is how many messages the conversation has whose pages InFlight callers read.
	History int
	// Sync is in how many conversations there is news for each of InFlight callers who sync.
	Sync int
	// Content is bytes a message.
	Content int
	// Warmup is not measured; Duration is. Both are of each of the Runs.
	Warmup, Duration time.Duration
	Runs             int
	// PIDs are the processes whose CPU and disk are measured, as NAME=PID; without any they are those of this
	// machine that listen at URLs. Processes are the same for who does not come by flags.
	PIDs      []string
	Processes []Process
	// JSON prints the report for machines, HTML is the file that gets it as a page.
	JSON bool
	HTML string

	// named tells which flags were on the command line; nil where there is none.
	named func(flag string) bool
}

// Flags declares the configuration's flags with its present values as defaults.
func Flags(fs *pflag.FlagSet, c *Config) {
	c.named = fs.Changed
	// --warmup is what --warm-up was called at first.
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
