// Package routers chains handlers into consumers of topics: one file a router, and here the one order of the
// middlewares that all routers share.
package routers

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	wmiddleware "github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

// Config tunes a router.
type Config struct {
	// Lanes is how many runs are handled at the same time; a lane has many conversations. Where everything is
	// in one process, few lanes with long runs are the fastest: each run is one call to the cache, one part of
	// a group commit and one call of the outbox.
	Lanes int `mapstructure:"lanes"`
	// Run is the largest number of a lane's waiting messages that are handled together.
	Run int `mapstructure:"run"`
	// Retries is how often a run is tried again in place before it goes back to its lane, which tries again.
	Retries int `mapstructure:"retries"`
	// RetryPause is the pause before the first retry; it doubles up to RetryPauseMax.
	RetryPause    time.Duration `mapstructure:"retry_pause"`
	RetryPauseMax time.Duration `mapstructure:"retry_pause_max"`
	// DrainTimeout bounds how long Close waits for work in flight.
	DrainTimeout time.Duration `mapstructure:"drain_timeout"`
	// PoisonAfter is for how long a run may fail with unforeseen errors, which are neither permanent nor a
	// dependency's, until its messages are handled one by one: one that still fails goes to the poison topic,
	// and its sender is told. 0: the run is tried for ever, and its lane waits.
	PoisonAfter time.Duration `mapstructure:"poison_after"`
	// GroupLimit is the largest group, in members, for which the message router delivers; for larger ones
	// fanout does.
	GroupLimit int `mapstructure:"group_limit"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Lanes: 3, Run: 1024, Retries: 5, RetryPause: 20 * time.Millisecond, RetryPauseMax: time.Second,
		DrainTimeout: 5 * time.Second, PoisonAfter: 5 * time.Minute, GroupLimit: 500,
	}
}

// Deps are what every router needs.
type Deps struct {
	Transport mq.Transport
	Metrics   *middleware.Metrics
	Log       *zap.Logger
	// Watermill is the logger handed to the library.
	Watermill watermill.LoggerAdapter
	// QueueSystem is what the queue is called in traces.
	QueueSystem string
	// RecordAll makes spans also for runs none of whose traces is kept, since the spans of a failed run are kept.
	RecordAll bool
}

// work describes one router.
type work struct {
	name, topic, group string
	// about describes a record that is to be poisoned; nil: nothing is known of it.
	about func(context.Context, *message.Message) (middleware.Subject, error)
	// content returns what people wrote in a record, so that it can be cut out of logs.
	content middleware.Content
	// outer precedes the shared middlewares, outermost first.
	outer []message.HandlerMiddleware
	// inner follows the shared middlewares, outermost first.
	inner []message.HandlerMiddleware
	// subscribe, when set, wraps the subscriber.
	subscribe func(message.Subscriber) message.Subscriber
	// runBytes bounds the payloads of a run; 0 is the queue's default.
	runBytes int
	// last ends the chain.
	last message.NoPublishHandlerFunc
}

// Router is one consumer of one topic. Run blocks until Close.
type Router struct {
	router *message.Router
	name   string
}

// build makes a router with the one order of middlewares: outer → the log of failures → trace → metrics →
// poison → retry → recover → inner. Without a poison topic no record is poisoned: its lane waits.
func build(cfg Config, deps Deps, poisonTopic string, w work) (*Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: cfg.DrainTimeout + time.Second}, deps.Watermill)
	if err != nil {
		return nil, fmt.Errorf("make router %s: %w", w.name, err)
	}
	sub, err := deps.Transport.Subscriber(mq.SubscriberConfig{
		Group: w.group, Lanes: cfg.Lanes, Run: cfg.Run, RunBytes: w.runBytes, DrainTimeout: cfg.DrainTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("make the subscriber of router %s: %w", w.name, err)
	}
	if w.subscribe != nil {
		sub = w.subscribe(sub)
	}
	h := router.AddConsumerHandler(w.name, w.topic, sub, w.last)
	h.AddMiddleware(w.outer...)
	h.AddMiddleware(
		middleware.Failed(w.name, w.content, deps.Log),
		middleware.Trace{
			System: deps.QueueSystem, Topic: w.topic, Group: w.group, Content: w.content, All: deps.RecordAll,
		}.Middleware,
		deps.Metrics.Router(w.name),
	)
	if poisonTopic != "" {
		h.AddMiddleware(middleware.Poison{
			Publisher: deps.Transport.Publisher(), Topic: poisonTopic, Router: w.name, Group: w.group, About: w.about, After: cfg.PoisonAfter,
			Count: deps.Metrics.Poisoned, Log: deps.Log,
		}.Middleware)
	}
	h.AddMiddleware(
		middleware.Retry{
			Times: cfg.Retries, Pause: cfg.RetryPause, PauseMax: cfg.RetryPauseMax, Router: w.name, Content: w.content,
			Count: deps.Metrics.Retried, Log: deps.Log,
		}.Middleware,
		wmiddleware.Recoverer,
	)
	h.AddMiddleware(w.inner...)
	return &Router{router: router, name: w.name}, nil
}

// Run handles messages until ctx is done, then drains: what is in flight is
// finished, the rest stays in the queue. It returns nil after a clean drain.
func (r *Router) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- r.router.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("run router %s: %w", r.name, err)
		}
		return nil
	case <-ctx.Done():
	}
	// A Close before the router runs would be lost.
	select {
	case <-r.router.Running():
	case err := <-done:
		return err
	}
	closeErr := r.router.Close()
	if err := <-done; err != nil {
		return fmt.Errorf("run router %s: %w", r.name, err)
	}
	if closeErr != nil {
		return fmt.Errorf("drain router %s: %w", r.name, closeErr)
	}
	return nil
}

// Running is closed when the router has subscribed.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }
