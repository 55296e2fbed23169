package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

func usable() Config {
	c := DefaultConfig()
	c.Brokers = []string{"one:9092", "two:9092"}
	return c
}

func TestConfigIsValidated(t *testing.T) {
	require.NoError(t, usable().Validate())
	for want, change := range map[string]func(*Config){
		"mq.kafka.brokers":             func(c *Config) { c.Brokers = nil },
		"mq.kafka.partitions":          func(c *Config) { c.Partitions = 0 },
		"mq.kafka.replication":         func(c *Config) { c.Replication = 0 },
		"mq.kafka.replication -2":      func(c *Config) { c.Replication = -2 },
		"mq.kafka.retention":           func(c *Config) { c.Retention = -time.Second },
		"mq.kafka.tail_retention":      func(c *Config) { c.TailRetention = 0 },
		"mq.kafka.transaction_timeout": func(c *Config) { c.TransactionTimeout = 0 },
		"mq.kafka.publish_timeout":     func(c *Config) { c.PublishTimeout = 0 },
		"mq.kafka.session_timeout":     func(c *Config) { c.SessionTimeout = 0 },
		"mq.kafka.timeout":             func(c *Config) { c.Timeout = 0 },
		"mq.kafka.sasl.mechanism":      func(c *Config) { c.SASL.Mechanism = "gssapi" },
		"mq.kafka.sasl.username":       func(c *Config) { c.SASL.Mechanism = "plain" },
		"mq.kafka.tls":                 func(c *Config) { c.TLS.Cert = "cert.pem" },
	} {
		t.Run(want, func(t *testing.T) {
			c := usable()
			change(&c)
			require.ErrorContains(t, c.Validate(), want)
		})
	}
}

// TestWhatSaramaIsTold: sarama accepts what we make of any valid configuration.
func TestWhatSaramaIsTold(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"as it comes": func(*Config) {},
		"scram":       func(c *Config) { c.SASL = SASLConfig{Mechanism: "scram-sha-512", Username: "u", Password: "p"} },
		"TLS":         func(c *Config) { c.TLS.Enabled = true },
		"in a hurry":  func(c *Config) { c.SessionTimeout, c.Timeout = time.Second, 100*time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			c := usable()
			change(&c)
			tr := &Transport{cfg: c}
			for _, group := range []string{"", "group"} {
				s, err := tr.consuming(mq.SubscriberConfig{Group: group, Start: mq.StartNewest}.WithDefaults())
				require.NoError(t, err)
				require.NoError(t, s.Validate())
				assert.Equal(t, sarama.ReadCommitted, s.Consumer.IsolationLevel)
				if group != "" {
					assert.Greater(t, s.Net.ReadTimeout, s.Consumer.Group.Rebalance.Timeout, "a join is answered when the last member has drained")
				}
			}
			s, err := c.producing()
			require.NoError(t, err)
			require.NoError(t, s.Validate())
		})
	}
}

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"refused":     {errors.New("dial tcp 127.0.0.1:1: connect: connection refused"), "mq.kafka.brokers"},
		"credentials": {fmt.Errorf("x: %w", sarama.ErrSASLAuthenticationFailed), "mq.kafka.sasl.mechanism"},
		"certificate": {errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority"), "mq.kafka.tls.*"},
		"hung up":     {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), "mq.kafka.tls.enabled"},
		"silence":     {context.DeadlineExceeded, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			err := usable().explain(c.err)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "one:9092, two:9092")
			require.ErrorIs(t, err, c.err)
		})
	}
}
