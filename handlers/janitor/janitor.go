// Package janitor does chores that one process does for all: it deletes the topics that
// dead gateways leave behind, announces what was left unannounced, and counts who is online.
package janitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Topics lists and deletes topics.
type Topics interface {
	Topics(ctx context.Context) ([]string, error)
	Delete(ctx context.Context, names ...string) error
}

// Gateways knows which gateways live.
type Gateways interface {
	LiveGateways(ctx context.Context, in *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error)
}

// Config tunes the chores.
type Config struct {
	// Interval is between two rounds.
	Interval time.Duration `mapstructure:"interval"`
	// Grace is how long a gateway must have been dead, as seen by this janitor, before its topic is deleted. It
	// must be longer than an outage of the session registry, or topics of gateways that live may be deleted.
	Grace time.Duration `mapstructure:"grace"`
	// Timeout bounds one round.
	Timeout time.Duration `mapstructure:"timeout"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Interval: 30 * time.Second, Grace: 2 * time.Minute, Timeout: 20 * time.Second}
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	if c.Interval <= 0 || c.Grace <= 0 || c.Timeout <= 0 {
		return fmt.Errorf("janitor: interval %v, grace %v and timeout %v must be more than 0", c.Interval, c.Grace, c.Timeout)
	}
	return nil
}

// Deps are what the janitor works with. Report is told what each round did.
type Deps struct {
	Topics   Topics
	Gateways Gateways
	Report   func(deleted []string, err error)
}

// Janitor does the chores. One goroutine runs it.
type Janitor struct {
	cfg  Config
	deps Deps
	// dead has the gateways with a topic that are not listed as live, and since when.
	dead map[string]time.Time
}

// New returns a janitor.
func New(cfg Config, deps Deps) (*Janitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Topics == nil || deps.Gateways == nil || deps.Report == nil {
		return nil, errors.New("configure janitor: topics, gateways or report is missing")
	}
	return &Janitor{cfg: cfg, deps: deps}, nil
}

// Run does a round at every interval until ctx is done. It begins with no gateway noted as dead: a new leader
// watches for Grace before it deletes a topic.
func (j *Janitor) Run(ctx context.Context) error {
	j.dead = map[string]time.Time{}
	ticker := time.NewTicker(j.cfg.Interval)
	defer ticker.Stop()
	for {
		if deleted, err := j.round(ctx); err == nil || ctx.Err() == nil {
			j.deps.Report(deleted, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round looks once. When the registry does not answer, or lists no live gateway at all, as an emptied registry
// does, round deletes nothing and forgets which gateways it noted as dead.
func (j *Janitor) round(ctx context.Context) (deleted []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, j.cfg.Timeout)
	defer cancel()
	// The topics come first: a gateway makes its topic before it is known to live.
	topics, err := j.deps.Topics.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	live, err := j.deps.Gateways.LiveGateways(ctx, &pb.LiveGatewaysRequest{})
	if err != nil || len(live.GetGatewayIds()) == 0 {
		clear(j.dead)
		if err != nil {
			err = fmt.Errorf("ask which gateways live: %w", err)
		}
		return nil, err
	}
	due := j.due(topics, live.GetGatewayIds(), time.Now())
	if len(due) == 0 {
		return nil, nil
	}
	if err := j.deps.Topics.Delete(ctx, due...); err != nil {
		return nil, fmt.Errorf("delete the topics of %d dead gateways: %w", len(due), err)
	}
	return due, nil
}

// due notes which gateways are dead, and returns the topics of those that have been dead for Grace.
func (j *Janitor) due(topics, live []string, now time.Time) (due []string) {
	alive := make(map[string]bool, len(live))
	for _, id := range live {
		alive[id] = true
	}
	seen := map[string]bool{}
	for _, topic := range topics {
		id, of := contracts.GatewayOfTopic(topic)
		if !of || alive[id] {
			continue
		}
		seen[id] = true
		since, known := j.dead[id]
		if !known {
			j.dead[id] = now
		} else if now.Sub(since) >= j.cfg.Grace {
			due = append(due, topic)
		}
	}
	for id := range j.dead {
		if !seen[id] { // it lives again, or its topic is gone
			delete(j.dead, id)
		}
	}
	return due
}
