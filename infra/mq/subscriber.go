package mq

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Start says where a consumer group without a saved offset begins.
type Start int

const (
	// StartOldest begins at the oldest message that the queue still has.
	StartOldest Start = iota
	// StartNewest begins behind the newest message; the end is pinned before
	// Subscribe returns.
	StartNewest
)

// SubscriberConfig tunes one subscriber. Zero values are replaced by defaults.
type SubscriberConfig struct {
	// Group is the consumer group whose offsets are kept. Empty keeps none: the
	// subscriber sees everything from Start on and is forgotten when it closes. Its channel is closed when the
	// topic is deleted.
	Group string
	// Start is where a group without an offset begins.
	Start Start
	// Lanes is how many keys are worked on at the same time; default 64.
	Lanes int
	// Run is how many queued messages of a lane are delivered together at most;
	// default 1.
	Run int
	// RunBytes bounds the payloads of a run together, except for a run of one;
	// default 512 KiB. What a handler publishes for a run has to fit into one call.
	RunBytes int
	// Window is how many messages are taken beyond the low-water mark; default
	// 8192.
	Window int
	// WindowBytes bounds the bytes beyond the low-water mark, each message counted with its overhead in
	// memory; a message that is larger than WindowBytes is taken alone. Default 32 MiB.
	WindowBytes int
	// DrainTimeout is how long Close waits for messages in flight; default 10 s.
	DrainTimeout time.Duration
	// NackDelay is the pause before a nacked message is delivered again; default
	// 100 ms.
	NackDelay time.Duration
}

// WithDefaults returns the configuration with its defaults filled in.
func (c SubscriberConfig) WithDefaults() SubscriberConfig {
	if c.Lanes == 0 {
		c.Lanes = 64
	}
	if c.Run == 0 {
		c.Run = 1
	}
	if c.RunBytes == 0 {
		c.RunBytes = 512 << 10
	}
	if c.Window == 0 {
		c.Window = 8192
	}
	if c.WindowBytes == 0 {
		c.WindowBytes = 32 << 20
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 10 * time.Second
	}
	if c.NackDelay == 0 {
		c.NackDelay = 100 * time.Millisecond
	}
	return c
}

// Validate says what is wrong with a configuration whose defaults are filled in.
func (c SubscriberConfig) Validate() error {
	if c.Lanes < 1 || c.Run < 1 || c.Window < c.Run {
		return fmt.Errorf("subscriber: lanes %d and run %d must be at least 1, window %d at least run", c.Lanes, c.Run, c.Window)
	}
	if c.RunBytes < 0 || c.WindowBytes < c.RunBytes {
		return fmt.Errorf("subscriber: run bytes %d must not be negative, window bytes %d at least as many", c.RunBytes, c.WindowBytes)
	}
	if c.DrainTimeout < 0 || c.NackDelay < 0 {
		return fmt.Errorf("subscriber: drain timeout %s and nack delay %s must not be negative", c.DrainTimeout, c.NackDelay)
	}
	return nil
}

type runKey struct{}

// Run returns the messages that a delivered message stands for, in order. A subscriber with Run > 1 delivers
// consecutive messages of a lane as one Watermill message: its Ack acknowledges all of them, after its Nack
// the same ones are delivered again. The queue and other subscribers share them, so nobody may change them.
func Run(msg *message.Message) []*message.Message {
	if run, ok := msg.Context().Value(runKey{}).([]*message.Message); ok {
		return run
	}
	return []*message.Message{msg}
}

// WithRun returns a context for a message that stands for run; [Run] returns run for such a message.
func WithRun(ctx context.Context, run ...*message.Message) context.Context {
	return context.WithValue(ctx, runKey{}, run)
}
