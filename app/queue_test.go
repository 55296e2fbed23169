package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
)

// asked is a queue of which only Lag is called.
type asked struct {
	queue
	of []mq.Reader
}

func (a *asked) Lag(_ context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	a.of = of
	return map[mq.Reader]uint64{{Topic: contracts.TopicUpstream, Group: contracts.GroupMessage}: 7}, nil
}

// Only the janitor's leader exports the lag: it is the same for all janitors, and a sum would
// be a multiple of it.
func TestOnlyTheLeaderShowsTheLag(t *testing.T) {
	q, leads := &asked{}, &atomic.Bool{}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(lagCollector{q, leads})
	figures := func() (texts []string) {
		families, err := metrics.Gather()
		require.NoError(t, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				texts = append(texts, f.GetName()+" "+m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()+" "+fmt.Sprint(m.GetGauge().GetValue()))
			}
		}
		return texts
	}
	assert.Empty(t, figures())
	assert.Empty(t, q.of, "a follower asks nobody")
	leads.Store(true)
	assert.Equal(t, []string{"gochat_queue_lag gochat-message im-upstream-topic 7"}, figures())
	assert.Contains(t, q.of, mq.Reader{Topic: contracts.TopicPoison, Group: contracts.GroupPoison}, "what is not read there is lost in the end")
	for _, r := range q.of {
		assert.True(t, strings.HasPrefix(r.Group, "gochat-"), "%s is not ours", r.Group)
	}
	leads.Store(false)
	assert.Empty(t, figures())
}

// A reader without lag is exported with 0: a series that comes and goes is useless for alerts.
func TestEmbeddedQueuesShowEachReader(t *testing.T) {
	for _, driver := range queueNames(true) {
		q, err := MQConfig{Driver: driver}.openEmbedded(t.TempDir(), zap.NewNop())
		require.NoError(t, err)
		lag, err := q.Lag(t.Context(), readers...)
		require.NoError(t, err)
		for _, r := range readers {
			n, shown := lag[r]
			assert.True(t, shown, "%s: %v", driver, r)
			assert.Zero(t, n, "%s: %v", driver, r)
		}
		require.NoError(t, q.Close())
	}
}

// TestEmbeddedQueuesReachOneProcess: roles at only one end of the pipeline are refused for every embedded queue.
func TestEmbeddedQueuesReachOneProcess(t *testing.T) {
	for _, k := range queueKinds() {
		cfg := DefaultConfig()
		cfg.MQ.Driver, cfg.Registry.Endpoints = k.name, []string{"127.0.0.1:2379"}
		err := CheckRoles([]string{RoleMessage}, cfg)
		if !k.embedded() {
			require.NoError(t, err, k.name)
			continue
		}
		require.ErrorContains(t, err, "mq.driver: "+k.name)
		require.ErrorContains(t, err, "to kafka or redisstream")
	}
}

// TestAQueueIsOneKind: each driver is either embedded or on servers, and an unknown driver is refused.
func TestAQueueIsOneKind(t *testing.T) {
	for _, k := range queueKinds() {
		assert.NotEqual(t, k.open == nil, k.connect == nil, k.name)
		assert.NotEmpty(t, k.system, k.name)
		assert.Equal(t, k.name, MQConfig{Driver: k.name}.kind().name)
		require.ErrorContains(t, MQConfig{Driver: "pigeons"}.validate(), k.name, "what it may be")
	}
}

// TestTheStorageRoleAsksNoQueue: a process with the role repo alone does not connect to the queue, since it has no
// password for it and network policies forbid it.
func TestTheStorageRoleAsksNoQueue(t *testing.T) {
	t.Parallel()
	for name, asks := range map[string]bool{RoleRepo: false, RoleMessage: true} {
		cfg := DefaultConfig()
		cfg.MQ.Driver, cfg.MQ.Kafka.Brokers = DriverKafka, []string{"127.0.0.1:1"}
		a := &App{cfg: cfg, log: zap.NewNop()}
		for _, r := range roles() {
			if r.name == name {
				a.roles = append(a.roles, r)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := a.openQueue(ctx)
		cancel()
		assert.Equal(t, asks, err != nil, "%s: %v", name, err)
	}
}

// TestAGivenTransportHandsOver: HandsOver of the adapter answers what the transport of WithTransport answers, and
// false where the transport has no such method.
func TestAGivenTransportHandsOver(t *testing.T) {
	t.Parallel()
	q, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	require.NoError(t, q.Ensure(t.Context(), mq.Topic{Name: "tail", Partitions: 1, Tail: true}, mq.Topic{Name: "kept", Partitions: 1}))
	var over mq.HandsOver = given{q}
	assert.True(t, over.HandsOver("tail"))
	assert.False(t, over.HandsOver("kept"))
	assert.False(t, given{struct{ mq.Transport }{q}}.HandsOver("tail"), "it does not say so")
}
