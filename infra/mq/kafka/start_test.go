package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq/kafka"
)

// secure is the configuration for a listener with TLS and SASL.
func secure(t *testing.T) kafka.Config {
	t.Helper()
	cfg := kafka.DefaultConfig()
	brokers, ca := os.Getenv("GOCHAT_TEST_KAFKA_SASL_BROKER"), os.Getenv("GOCHAT_TEST_KAFKA_SASL_CA")
	if brokers == "" || ca == "" {
		t.Skip("GOCHAT_TEST_KAFKA_SASL_BROKER and GOCHAT_TEST_KAFKA_SASL_CA name no Kafka with TLS and SASL")
	}
	cfg.Brokers = []string{brokers}
	cfg.TLS.Enabled, cfg.TLS.CA = true, ca
	cfg.SASL = kafka.SASLConfig{Mechanism: "scram-sha-512", Username: "gochat", Password: "gochat-secret"}
	return cfg
}

// opens opens and closes a transport; neither leaves anything behind.
func opens(t *testing.T, cfg kafka.Config) error {
	t.Helper()
	before := goleak.IgnoreCurrent()
	began := time.Now()
	tr, err := kafka.Open(t.Context(), cfg, zap.NewNop())
	require.Less(t, time.Since(began), 5*cfg.Timeout, "a start has an end")
	if err == nil {
		require.NoError(t, tr.Close())
	}
	meters := goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick") // one for ever
	// sarama's broker for tests notices the end of a connection when it is closed.
	mock := goleak.IgnoreAnyFunction("github.com/IBM/sarama.(*MockBroker).serverLoop")
	mocked := goleak.IgnoreTopFunction("github.com/IBM/sarama.(*MockBroker).serverLoop.func1")
	var left error
	assert.Eventually(t, func() bool { left = goleak.Find(before, meters, mock, mocked); return left == nil }, 10*cfg.Timeout, 10*time.Millisecond)
	assert.NoError(t, left)
	return err
}

func TestMechanisms(t *testing.T) {
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			cfg := secure(t)
			cfg.SASL.Mechanism = mechanism
			require.NoError(t, opens(t, cfg))
		})
	}
}

// TestStartErrors: each is one sentence that names the setting at fault, and comes soon.
func TestStartErrors(t *testing.T) {
	plain := func(t *testing.T) kafka.Config { t.Helper(); return config(t) }
	for name, c := range map[string]struct {
		base   func(*testing.T) kafka.Config
		change func(*testing.T, *kafka.Config)
		want   []string
	}{
		"nobody listens": {offline, func(_ *testing.T, c *kafka.Config) { c.Brokers = []string{"127.0.0.1:1"} },
			[]string{"127.0.0.1:1", "mq.kafka.brokers", "refused"}},
		"a name that is none": {offline, func(_ *testing.T, c *kafka.Config) { c.Brokers = []string{"nowhere.invalid:9092"} },
			[]string{"nowhere.invalid:9092", "mq.kafka.brokers"}},
		"something that does not speak": {offline, func(t *testing.T, c *kafka.Config) {
			t.Helper()
			c.Brokers, c.Timeout = []string{mute(t)}, time.Second
		},
			[]string{"mq.kafka.brokers", "does not answer"}},
		"too old": {offline, func(t *testing.T, c *kafka.Config) { t.Helper(); c.Brokers = []string{ancient(t)} },
			[]string{"mq.kafka.brokers", "too old", "2.8"}},
		"TLS to a plain port": {plain, func(_ *testing.T, c *kafka.Config) { c.TLS.Enabled = true },
			[]string{"mq.kafka.tls"}},
		"a wrong password": {secure, func(_ *testing.T, c *kafka.Config) { c.SASL.Password = "hunter2" },
			[]string{"credentials", "mq.kafka.sasl"}},
		"a wrong password, plain": {secure, func(_ *testing.T, c *kafka.Config) { c.SASL.Mechanism, c.SASL.Password = "plain", "hunter2" },
			[]string{"credentials", "mq.kafka.sasl"}},
		"an unknown user": {secure, func(_ *testing.T, c *kafka.Config) { c.SASL.Username = "nobody" },
			[]string{"credentials", "mq.kafka.sasl"}},
		"no credentials": {secure, func(_ *testing.T, c *kafka.Config) { c.SASL = kafka.SASLConfig{} },
			[]string{"mq.kafka.sasl"}},
		"the system's CAs":      {secure, func(_ *testing.T, c *kafka.Config) { c.TLS.CA = "" }, []string{"mq.kafka.tls"}},
		"another CA":            {secure, func(t *testing.T, c *kafka.Config) { t.Helper(); c.TLS.CA = strangersCA(t) }, []string{"mq.kafka.tls"}},
		"a plain client to TLS": {secure, func(_ *testing.T, c *kafka.Config) { c.TLS.Enabled = false }, []string{"mq.kafka.tls"}},
		"no such CA": {offline, func(_ *testing.T, c *kafka.Config) {
			c.Brokers, c.TLS.Enabled, c.TLS.CA = []string{"127.0.0.1:1"}, true, "/nowhere"
		}, []string{"mq.kafka.tls.ca", "/nowhere"}},
		"settings that make no sense": {offline, func(_ *testing.T, c *kafka.Config) { c.Brokers, c.Partitions = nil, 0 }, []string{"mq.kafka.brokers", "mq.kafka.partitions"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := c.base(t)
			cfg.Timeout = 20 * time.Second // whoever answers may be slow on a busy machine
			c.change(t, &cfg)
			err := opens(t, cfg)
			require.Error(t, err)
			for _, w := range c.want {
				assert.Contains(t, err.Error(), w)
			}
			assert.NotContains(t, err.Error(), "hunter2")
			assert.LessOrEqual(t, strings.Count(err.Error(), "\n"), 1, "%q", err)
		})
	}
}

// TestOpenHeedsItsContext: a start that is called off ends at once.
func TestOpenHeedsItsContext(t *testing.T) {
	cfg := offline(t)
	cfg.Brokers = []string{mute(t)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := kafka.Open(ctx, cfg, zap.NewNop())
	require.ErrorIs(t, err, context.Canceled)
}

func offline(*testing.T) kafka.Config { return kafka.DefaultConfig() }

// mute takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l.Addr().String()
}

// ancient is a broker of a version before 2.8.
func ancient(t *testing.T) string {
	t.Helper()
	broker := sarama.NewMockBroker(t, 1)
	t.Cleanup(broker.Close)
	keys := sarama.NewMockApiVersionsResponse(t).SetApiKeys([]sarama.ApiVersionsResponseKey{
		{ApiKey: 3, MaxVersion: 7}, {ApiKey: 18, MaxVersion: 3}, {ApiKey: 19, MaxVersion: 5},
	})
	broker.SetHandlerByMap(map[string]sarama.MockResponse{
		"ApiVersionsRequest": keys,
		"MetadataRequest":    sarama.NewMockMetadataResponse(t).SetBroker(broker.Addr(), broker.BrokerID()).SetController(broker.BrokerID()),
	})
	return broker.Addr()
}

func strangersCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return path
}
