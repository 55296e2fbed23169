package health

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fresh is how old Recent's answers may be. Callers within this time share answers, so that however many
// there are, a dependency is asked once a second at most.
const Fresh = time.Second

// round is the answers of one time that all dependencies were asked.
type round struct {
	answers map[string]error
	at      time.Time
}

// AddOwn adds or replaces a check of the process itself, which must answer at once. Recent calls it every
// time, so that its answer is never an old one.
func (c *Checks) AddOwn(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[name] = check
}

// OnRound sets tell, which is called with all answers each time that the dependencies were asked, one round
// at a time and before any caller sees them. Set it before the first Recent.
func (c *Checks) OnRound(tell func(answers map[string]error, at time.Time)) { c.tell = tell }

// Recent returns each dependency's error by name. Answers are at most Fresh old when Recent is called; if
// there are none, the dependencies are asked now, once for all concurrent callers. It returns within the
// timeout of New. The map is the caller's.
func (c *Checks) Recent(ctx context.Context) map[string]error { return c.within(ctx, Fresh) }

// Refresh is Recent without answers of earlier rounds.
func (c *Checks) Refresh(ctx context.Context) map[string]error { return c.within(ctx, 0) }

func (c *Checks) within(ctx context.Context, age time.Duration) map[string]error {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last.answers == nil || time.Since(last.at) >= age {
		// The round goes on if the first caller gives up: others wait for it.
		ctx := context.WithoutCancel(ctx)
		shared, _, _ := c.flight.Do("", func() (any, error) { return c.round(ctx), nil })
		last, _ = shared.(round)
	}
	out := maps.Clone(last.answers)
	for name, check := range c.owns() {
		out[name] = check(ctx)
	}
	return out
}

// round asks all dependencies and keeps their answers.
func (c *Checks) round(ctx context.Context) round {
	r := round{answers: c.ask(ctx, nil), at: time.Now()}
	c.mu.Lock()
	c.last = r
	words := Summarize(r.answers).Checks
	for name, word := range words {
		if was, known := c.since[name]; !known || was.State != word {
			c.since[name] = Standing{Name: name, State: word, Since: r.at}
		}
	}
	maps.DeleteFunc(c.since, func(name string, _ Standing) bool { return words[name] == "" && c.own[name] == nil })
	c.mu.Unlock()
	if c.tell != nil {
		c.tell(maps.Clone(r.answers), r.at)
	}
	return r
}

func (c *Checks) owns() map[string]Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.own)
}

// Standing is the state of one dependency, one of the words, and since when this process has seen it so.
type Standing struct {
	Name  string
	State string
	Since time.Time
}

// Standings returns the states of all dependencies, sorted by name and as recent as Recent's answers. A
// change is noticed only when somebody asks.
func (c *Checks) Standings(ctx context.Context) []Standing {
	words := Summarize(c.Recent(ctx)).Checks
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Standing, 0, len(words))
	for name, word := range words {
		s, known := c.since[name]
		if !known || s.State != word {
			s = Standing{Name: name, State: word, Since: time.Now()}
			c.since[name] = s
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Standing) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// One asks a single dependency of Add, AddSoft or AddOwn, now and within the timeout of New; concurrent
// callers share the answer. For other names it takes Recent's answer. known: there is a dependency of that
// name.
func (c *Checks) One(ctx context.Context, name string) (known bool, err error) {
	c.mu.Lock()
	check := c.checks[name]
	if check == nil {
		check = c.own[name]
	}
	c.mu.Unlock()
	if check != nil {
		// As in within: other callers wait for the answer, too.
		ctx := context.WithoutCancel(ctx)
		_, err, _ := c.flight.Do("one "+name, func() (any, error) {
			ctx, cancel := context.WithTimeout(ctx, c.timeout)
			defer cancel()
			return nil, check(ctx)
		})
		return true, err
	}
	err, known = c.Recent(ctx)[name]
	return known, err
}
