package health

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fresh is how old an answer may be that Recent gives: whoever asks within this time of
// others gets what those got, so that no number of callers costs a dependency more than one
// question a second.
const Fresh = time.Second

// round is one time that all dependencies were asked.
type round struct {
	answers map[string]error
	at      time.Time
}

// AddOwn adds or replaces a check of the process itself that answers at once. Recent asks it
// every time, so that its word is never an old one.
func (c *Checks) AddOwn(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[name] = check
}

// OnRound has tell called with the dependencies' answers after all of them were asked, one round
// at a time and before anybody else sees them. Set it before anybody asks.
func (c *Checks) OnRound(tell func(answers map[string]error, at time.Time)) { c.tell = tell }

// Recent returns each dependency's answer by name. It is at most Fresh old when Recent is
// called, and asked for now when there is none; several callers at a time share the question.
// It returns within the timeout of New. The map is the caller's.
func (c *Checks) Recent(ctx context.Context) map[string]error { return c.within(ctx, Fresh) }

// Refresh is Recent with answers that nobody has got before.
func (c *Checks) Refresh(ctx context.Context) map[string]error { return c.within(ctx, 0) }

func (c *Checks) within(ctx context.Context, age time.Duration) map[string]error {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last.answers == nil || time.Since(last.at) >= age {
		// Who asks first may go; the others want the answer all the same.
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

// round asks everybody, and remembers it.
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

// Standing is the state of one dependency, one of the words, and since when it has been seen
// in it.
type Standing struct {
	Name  string
	State string
	Since time.Time
}

// Standings returns the state of each dependency by name's order, as recent as Recent's
// answers. A change is seen when somebody asks.
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

// One asks a single dependency of Add, AddSoft or AddOwn, now and within the timeout of New; several
// callers at a time share the question. known is whether there is one of that name.
func (c *Checks) One(ctx context.Context, name string) (known bool, err error) {
	c.mu.Lock()
	check := c.checks[name]
	if check == nil {
		check = c.own[name]
	}
	c.mu.Unlock()
	if check != nil {
		// Who asks first may go; the others want the answer all the same.
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
