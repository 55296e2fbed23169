package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
	walog "github.com/gochat/gochat/infra/mq/log"
)

// asked is a queue that is only asked for its lag.
type asked struct {
	queue
	of []mq.Reader
}

func (a *asked) Lag(_ context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	a.of = of
	return map[mq.Reader]uint64{{Topic: contracts.TopicUpstream, Group: contracts.GroupMessage}: 7}, nil
}

// Of several janitors only the one that leads shows figures: they are the same, and would
// be added up.
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

// Who is not behind is shown as well: a line that comes and goes says nothing.
func TestTheEmbeddedLogShowsEachReader(t *testing.T) {
	log, err := walog.Open(walog.Config{Dir: t.TempDir()}, zap.NewNop())
	require.NoError(t, err)
	defer func() { assert.NoError(t, log.Close()) }()
	lag, err := embedded{log}.Lag(t.Context(), readers...)
	require.NoError(t, err)
	for _, r := range readers {
		n, shown := lag[r]
		assert.True(t, shown, r)
		assert.Zero(t, n, r)
	}
}
