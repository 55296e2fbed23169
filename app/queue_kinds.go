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

// queueKind is one driver of the message queue, with all that differs between drivers in this package.
type queueKind struct {
	// name is the value of mq.driver.
	name string
	// system is the queue's name in traces.
	system string
	// open opens an embedded queue in dir, a folder of the data directory; only this process can use
	// the queue. Nil: the queue is on servers.
	open func(dir string, log *zap.Logger) (*stream.Stream, error)
	// connect connects to a queue on servers; name is that of this process. Nil: the queue is embedded.
	connect func(ctx context.Context, cfg MQConfig, name string, log *zap.Logger) (queue, error)
	// validate checks the driver's settings. Nil: it has none.
	validate func(MQConfig) error
	// partitions returns the number of partitions of each shared topic. Nil: one.
	partitions func(MQConfig) int
	// fences returns an identity of the configured queue, on which an outbox fences an earlier one of the
	// same name: there each process needs a name of its own. Nil: the driver does not fence.
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

// embedded reports whether the queue is in the data directory, where only one process can use it.
func (k queueKind) embedded() bool { return k.open != nil }

// kind returns the row of mq.driver; for an unknown driver, which validate refuses, that of the embedded log.
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

// openEmbedded opens the queue in a data directory. When mq.driver is on servers, that is the embedded log.
func (c MQConfig) openEmbedded(dir string, log *zap.Logger) (embedded, error) {
	kind := c.kind()
	if !kind.embedded() {
		kind = queueKinds()[0]
	}
	s, err := kind.open(dir, log)
	return embedded{s}, err
}

// partitions returns the number of partitions of each shared topic.
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

// queueNames returns the values of mq.driver for embedded queues, or for those on servers.
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
