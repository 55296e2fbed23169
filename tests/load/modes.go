package load

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// mode is one kind of load.
type mode struct {
	// flag is the flag that chooses the mode; without any the mode is pairs.
	flag string
	// wants reports whether the configuration chooses the mode.
	wants func(Config) bool
	// takes lists the flags that the mode uses, beside those that all modes use.
	takes string
	run   func(context.Context, *test) error
}

var pairMode = mode{flag: "pairs", takes: "pairs in-flight peers rate content runs", run: pairs}

var modes = []mode{
	{flag: "group", wants: func(c Config) bool { return c.Group != 0 }, takes: "in-flight content runs", run: groups},
	{flag: "groups", wants: func(c Config) bool { return c.Groups != 0 }, takes: "members in-flight content runs", run: groups},
	{flag: "world", wants: func(c Config) bool { return c.World != 0 }, takes: "in-flight content runs", run: groups},
	{flag: "idle", wants: func(c Config) bool { return c.Idle != 0 }, takes: "users", run: idle},
	{flag: "reconnect", wants: func(c Config) bool { return c.Reconnect != 0 }, takes: "users content runs", run: storm},
	{flag: "history", wants: func(c Config) bool { return c.History != 0 }, takes: "in-flight content runs", run: history},
	{flag: "sync", wants: func(c Config) bool { return c.Sync != 0 }, takes: "in-flight content runs", run: syncs},
}

// ofModes lists the flags that not every mode takes.
var ofModes = strings.Fields("pairs in-flight peers rate members content runs users")

// mode returns the mode that the configuration chooses, or an error for flags that contradict each other.
func (c Config) mode() (mode, error) {
	chosen := pairMode
	for _, m := range modes {
		switch {
		case !m.wants(c) && c.names(m.flag):
			return mode{}, fmt.Errorf("--%s 0 measures nothing: leave it out, or say how many", m.flag)
		case !m.wants(c):
		case chosen.wants != nil:
			return mode{}, fmt.Errorf("--%s and --%s are two kinds of load: measure one after the other", chosen.flag, m.flag)
		default:
			chosen = m
		}
	}
	if chosen.flag == "idle" && c.Runs > 1 {
		return mode{}, errors.New("--idle is measured once: sockets that were closed leave memory behind, which the next run would not pay for; start the server anew for each run")
	}
	takes := strings.Fields(chosen.takes)
	for _, flag := range ofModes {
		if c.names(flag) && !slices.Contains(takes, flag) {
			return mode{}, fmt.Errorf("--%s means nothing with --%s, which takes --%s beside what all take", flag, chosen.flag, strings.Join(takes, ", --"))
		}
	}
	return chosen, c.bounds(chosen)
}

func (c Config) names(flag string) bool { return c.named != nil && c.named(flag) }

// bounds returns an error for a value that is out of its range.
func (c Config) bounds(m mode) error {
	for _, b := range []struct {
		wrong bool
		says  string
	}{
		{c.Duration <= 0, fmt.Sprintf("--duration %s: measuring takes time", c.Duration)},
		{c.Warmup < 0, fmt.Sprintf("--warm-up %s: it must not be negative", c.Warmup)},
		{c.Runs < 1 || c.Runs > mostRuns, fmt.Sprintf("--runs %d: it must be 1 to %d", c.Runs, mostRuns)},
		{c.Content < 1, fmt.Sprintf("--content %d: a message has at least one byte", c.Content)},
		{c.InFlight < 1 || c.InFlight > ringSize, fmt.Sprintf("--in-flight %d: it must be 1 to %d", c.InFlight, ringSize)},
		{c.Pairs < 1, fmt.Sprintf("--pairs %d: there must be at least one", c.Pairs)},
		{c.Rate < 0, fmt.Sprintf("--rate %v: it must not be negative", c.Rate)},
		{c.Rate > 0 && c.names("in-flight"), "--rate sends when messages are due and --in-flight when one is answered: choose one of them"},
		{m.flag == "pairs" && (c.Peers < 1 || c.Peers > c.Pairs), fmt.Sprintf("--peers %d: it must be 1 to the number of pairs, %d", c.Peers, c.Pairs)},
		{m.flag == "group" && c.Group < 2, fmt.Sprintf("--group %d: a group has at least 2 members", c.Group)},
		{m.flag == "groups" && c.Groups < 1, fmt.Sprintf("--groups %d: there must be at least one", c.Groups)},
		{m.flag == "groups" && c.Members < 2, fmt.Sprintf("--members %d: a group has at least 2 members", c.Members)},
		{m.flag == "world" && c.World < 2, fmt.Sprintf("--world %d: at least 2 users are to hear each other", c.World)},
		{m.flag == "idle" && c.Idle < 1, fmt.Sprintf("--idle %d: there must be at least one socket", c.Idle)},
		{m.flag == "reconnect" && c.Reconnect < 1, fmt.Sprintf("--reconnect %d: there must be at least one socket", c.Reconnect)},
		{c.Users < 1, fmt.Sprintf("--users %d: somebody holds the sockets", c.Users)},
		{m.flag == "history" && c.History < 4*pageSize, fmt.Sprintf("--history %d: at least %d messages, so that there is a depth", c.History, 4*pageSize)},
		{m.flag == "sync" && c.Sync < 1, fmt.Sprintf("--sync %d: there must be news in at least one conversation", c.Sync)},
	} {
		if b.wrong {
			return errors.New(b.says)
		}
	}
	return c.addresses()
}

// mostRuns bounds the reports that are kept in memory until the end.
const mostRuns = 100

// addresses returns an error for a URL that is not an http or https one.
func (c Config) addresses() error {
	if len(c.URLs) == 0 {
		return errors.New("name a server by --url")
	}
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("--url %q: it must be http://HOST:PORT or https://HOST", text)
		}
	}
	return nil
}
