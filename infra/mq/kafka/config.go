// Package kafka is the message queue on Apache Kafka, by sarama: the client that
// Watermill's own Kafka package stands on, whose marshaler is used here, so that
// records look as any Watermill program writes them.
//
// Rebalances are eager (sticky): when a member joins or leaves, all members drain their lanes, commit, and
// take the partitions that they are given. All lanes pause for that, and in return a partition cannot have two
// owners as long as its member answers at all. (sarama's cooperative rebalances would gain little: its members
// fetch and join by one connection to a broker, so a join holds up fetches.)
//
// A member that hears nothing for two thirds of SessionTimeout, or stood still for as long, starts none of
// the records that it has: its partitions may be another member's. What it has in flight then is done again
// by the new owner.
package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/certs"
)

// Config says where the brokers are and how topics are made.
type Config struct {
	// Brokers are host:port of some brokers; the others are learned from them.
	Brokers []string `mapstructure:"brokers"`
	// ClientID is the name by which brokers know this process; transactional ids begin with it.
	ClientID string `mapstructure:"client_id"`
	// Environment comes before the names of topics, groups and transactional ids, so that several
	// environments can share brokers; empty: nothing does. The program sets it, and users of the transport
	// never see it.
	Environment string `mapstructure:"-"`

	// Partitions of the topics that groups read. More of them let more workers work. A topic that exists
	// keeps its number, since keys would move to other partitions.
	Partitions int `mapstructure:"partitions"`
	// Replication is the number of replicas of each partition; -1 is the broker's default.
	Replication int `mapstructure:"replication"`
	// Retention is how long records of all topics but tail topics are kept, whether they were read or not.
	Retention time.Duration `mapstructure:"retention"`
	// TailRetention is that of tail topics, such as a gateway's own, which nobody reads later.
	TailRetention time.Duration `mapstructure:"tail_retention"`

	// Transactions make an outbox all or none. Without them a crash may leave a part of a call; the records
	// that caused the call are delivered again, and so the rest is published.
	Transactions bool `mapstructure:"transactions"`
	// TransactionTimeout is after how long a broker ends a transaction that nobody
	// finishes; until then its topics' readers wait.
	TransactionTimeout time.Duration `mapstructure:"transaction_timeout"`
	// PublishTimeout bounds one publish.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`

	// SessionTimeout is after how long a silent member of a group loses its partitions.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// Timeout bounds connecting and each request.
	Timeout time.Duration `mapstructure:"timeout"`

	SASL SASLConfig   `mapstructure:"sasl"`
	TLS  certs.Client `mapstructure:"tls"`
}

// SASLConfig says as whom we log in. With an empty Mechanism we do not.
type SASLConfig struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512.
	Mechanism string `mapstructure:"mechanism"`
	Username  string `mapstructure:"username"`
	Password  string `mapstructure:"password" secret:"true"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Partitions: 12, Replication: -1, Retention: 7 * 24 * time.Hour, TailRetention: time.Hour,
		Transactions: true, TransactionTimeout: 10 * time.Second, PublishTimeout: 10 * time.Second,
		SessionTimeout: 10 * time.Second, Timeout: 5 * time.Second,
	}
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Brokers) > 0, "mq.kafka.brokers: must name at least one broker as host:port")
	check(c.Partitions > 0, "mq.kafka.partitions %d: must be at least 1", c.Partitions)
	check(c.Replication == -1 || c.Replication > 0, "mq.kafka.replication %d: must be -1 (the broker's default) or more than 0", c.Replication)
	for name, d := range map[string]time.Duration{
		"retention": c.Retention, "tail_retention": c.TailRetention, "transaction_timeout": c.TransactionTimeout,
		"publish_timeout": c.PublishTimeout, "session_timeout": c.SessionTimeout, "timeout": c.Timeout,
	} {
		check(d > 0, "mq.kafka.%s %v: must be more than 0", name, d)
	}
	if _, ok := mechanisms[c.SASL.Mechanism]; !ok {
		check(false, "mq.kafka.sasl.mechanism %q: must be plain, scram-sha-256 or scram-sha-512", c.SASL.Mechanism)
	}
	check(c.SASL.Mechanism == "" || c.SASL.Username != "", "mq.kafka.sasl.username: needed with a mechanism")
	return errors.Join(append(errs, c.TLS.Complete("mq.kafka.tls"))...)
}

var mechanisms = map[string]sarama.SASLMechanism{
	"": "", "plain": sarama.SASLTypePlaintext, "scram-sha-256": sarama.SASLTypeSCRAMSHA256, "scram-sha-512": sarama.SASLTypeSCRAMSHA512,
}

// sarama returns the base of every client.
func (c Config) sarama() (*sarama.Config, error) {
	s := sarama.NewConfig()
	s.ClientID = c.named(cmp.Or(c.ClientID, "gochat"))
	s.Version = sarama.V2_8_0_0
	s.ApiVersionsRequest = true
	s.Net.DialTimeout, s.Net.ReadTimeout, s.Net.WriteTimeout = c.Timeout, 2*c.Timeout, c.Timeout
	s.Metadata.Retry.Max, s.Metadata.Retry.Backoff = 3, 100*time.Millisecond
	s.Metadata.Timeout = 2 * c.Timeout
	s.Metadata.RefreshFrequency = time.Minute
	s.Metadata.AllowAutoTopicCreation = false
	if err := c.authenticate(s); err != nil {
		return nil, err
	}
	encrypted, err := c.TLS.Config("mq.kafka.tls")
	if err != nil {
		return nil, err
	}
	s.Net.TLS.Enable, s.Net.TLS.Config = encrypted != nil, encrypted
	return s, nil
}

func (c Config) authenticate(s *sarama.Config) error {
	if c.SASL.Mechanism == "" {
		return nil
	}
	s.Net.SASL.Enable, s.Net.SASL.Handshake = true, true
	s.Net.SASL.Mechanism = mechanisms[c.SASL.Mechanism]
	s.Net.SASL.User, s.Net.SASL.Password = c.SASL.Username, c.SASL.Password
	if gen := scramOf(c.SASL.Mechanism); gen != nil {
		s.Net.SASL.SCRAMClientGeneratorFunc = gen
	}
	return nil
}

// explain makes one sentence of why the brokers cannot be used.
func (c Config) explain(err error) error {
	at := strings.Join(c.Brokers, ", ")
	text := err.Error()
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed) || strings.Contains(text, "SASL Authentication failed"):
		return fmt.Errorf("kafka at %s refuses the credentials (settings mq.kafka.sasl.mechanism, username and password): %w", at, err)
	case strings.Contains(text, "x509:") || strings.Contains(text, "tls:"):
		return fmt.Errorf("kafka at %s and we do not trust each other's certificates (settings mq.kafka.tls.*): %w", at, err)
	case strings.HasSuffix(text, "EOF"):
		return fmt.Errorf("kafka at %s hangs up: it may want what we do not use, or the other way round (settings mq.kafka.tls.enabled and mq.kafka.sasl.mechanism): %w", at, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("kafka at %s takes connections and does not answer, or only a firewall is there (setting mq.kafka.brokers): %w", at, err)
	}
	return fmt.Errorf("reach Kafka at %s (setting mq.kafka.brokers): %w", at, err)
}
