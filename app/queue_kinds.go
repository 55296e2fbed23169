package app

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq/kafka"
	"github.com/gochat/gochat/infra/mq/redisstream"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/mq/walog"
)

// The message queues.
const (
	DriverLog         = "log"
	DriverKafka       = "kafka"
	DriverRedisStream = "redisstream"
)

// queueKind is all that this package decides by which message queue there is.
type queueKind struct {
	// name is what mq.driver calls it.
	name string
	// system is what it is called in traces.
	system string
	// open opens a queue that is embedded: it is in a folder of the data directory, and reaches one
	// process only. Nil: it is on servers.
	open func(dir string, log *zap.Logger) (*stream.Stream, error)
	// connect connects a queue on servers, as the process of a name.
	connect func(ctx context.Context, cfg MQConfig, name string, log *zap.Logger) (queue, error)
	// validate looks at its settings. Nil: it has none.
	validate func(MQConfig) error
	// partitions of the topics that all processes share. Nil: it has one.
	partitions func(MQConfig) int
	// fences says which queue that is, where processes end each other's outboxes by their names, so
	// that each needs a name of its own. Nil: it does no such thing.
	fences func(MQConfig) string
}

// queueKinds returns the one table of message queues.
func queueKinds() []queueKind {
	return []queueKind{
		{
			name: DriverLog, system: "gochat",
			open: func(dir string, log *zap.Logger) (*stream.Stream, error) {
				return walog.Open(walog.Config{Dir: dir}, log)
			},
		},
		{
			name: DriverKafka, system: "kafka",
			connect: func(ctx context.Context, cfg MQConfig, name string, log *zap.Logger) (queue, error) {
				if cfg.Kafka.ClientID == "" {
					cfg.Kafka.ClientID = name
				}
				return kafka.Open(ctx, cfg.Kafka, log)
			},
			validate:   func(c MQConfig) error { return c.Kafka.Validate() },
			partitions: func(c MQConfig) int { return c.Kafka.Partitions },
			fences:     func(c MQConfig) string { return strings.Join(c.Kafka.Brokers, ",") },
		},
		{
			name: DriverRedisStream, system: "redis",
			connect: func(ctx context.Context, cfg MQConfig, _ string, log *zap.Logger) (queue, error) {
				return redisstream.Open(ctx, cfg.RedisStream, log)
			},
			validate:   func(c MQConfig) error { return c.RedisStream.Validate() },
			partitions: func(c MQConfig) int { return c.RedisStream.Shards },
		},
	}
}

// embedded: the queue is in the data directory, and reaches one process only.
func (k queueKind) embedded() bool { return k.open != nil }

// kind is the row of mq.driver; that of the embedded log before it was validated that there is one.
func (c MQConfig) kind() queueKind {
	if c.given != nil {
		return givenKind(c.given, c.Driver)
	}
	kinds := queueKinds()
	for _, k := range kinds {
		if k.name == c.Driver {
			return k
		}
	}
	return kinds[0]
}

// openEmbedded opens the queue of a data directory: that of mq.driver, or the log where that is on servers.
func (c MQConfig) openEmbedded(dir string, log *zap.Logger) (embedded, error) {
	kind := c.kind()
	if !kind.embedded() {
		kind = queueKinds()[0]
	}
	s, err := kind.open(dir, log)
	return embedded{s}, err
}

// partitions of the topics that all processes share.
func (c MQConfig) partitions() int {
	if of := c.kind().partitions; of != nil {
		return of(c)
	}
	return 1
}

func (c MQConfig) validate() error {
	kind := c.kind()
	if kind.name != c.Driver {
		return fmt.Errorf("mq.driver %q: must be %s", c.Driver, oneOf(queueNames(true), queueNames(false)))
	}
	if kind.validate == nil {
		return nil
	}
	return kind.validate(c)
}

// queueNames are the names of the queues that are embedded, or of those on servers.
func queueNames(embedded bool) (names []string) {
	for _, k := range queueKinds() {
		if k.embedded() == embedded {
			names = append(names, k.name)
		}
	}
	return names
}

// oneOf joins names for people: "a, b or c".
func oneOf(lists ...[]string) string {
	var names []string
	for _, l := range lists {
		names = append(names, l...)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// aboutQueues describes mq.driver.
func aboutQueues() string {
	return oneOf(queueNames(true)) + " (embedded, for everything in one process), " + oneOf(queueNames(false)) + "."
}
