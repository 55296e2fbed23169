package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// readers are GoChat's own consumer groups. Only their lag is shown: other programs may have groups on the queue.
var readers = []mq.Reader{
	{Topic: contracts.TopicUpstream, Group: contracts.GroupMessage},
	{Topic: contracts.TopicFanout, Group: contracts.GroupFanout},
	{Topic: contracts.TopicStored, Group: contracts.GroupWebhook},
	{Topic: contracts.TopicStored, Group: contracts.GroupSearch},
	{Topic: contracts.TopicPoison, Group: contracts.GroupPoison},
}

// lagCollector exports the lag of each consumer group. Only the janitor's leader exports it: the lag is the same
// wherever it is asked for, and a sum over several processes would be a multiple of it.
type lagCollector struct {
	queue queue
	leads *atomic.Bool
}

var lagDesc = prometheus.NewDesc("gochat_queue_lag",
	"Messages (in the embedded log: group commits) beyond the group's low-water mark.", []string{"topic", "group"}, nil)

// Describe implements prometheus.Collector, as Collect does.
func (lagCollector) Describe(ch chan<- *prometheus.Desc) { ch <- lagDesc }

// Collect asks the queue for at most 5 s, and exports nothing when the queue does not answer.
func (l lagCollector) Collect(ch chan<- prometheus.Metric) {
	if !l.leads.Load() {
		return
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lag, err := l.queue.Lag(ctx, readers...)
	if err != nil {
		return // the readiness check of the queue reports the error
	}
	for r, n := range lag {
		ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(n), r.Topic, r.Group)
	}
}
