package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// readers are the groups whose lag is shown. Others may have groups on the same queue.
var readers = []mq.Reader{
	{Topic: contracts.TopicUpstream, Group: contracts.GroupMessage},
	{Topic: contracts.TopicFanout, Group: contracts.GroupFanout},
	{Topic: contracts.TopicStored, Group: contracts.GroupWebhook},
	{Topic: contracts.TopicStored, Group: contracts.GroupSearch},
	{Topic: contracts.TopicPoison, Group: contracts.GroupPoison},
}

// lagCollector shows how far each group is behind. Of several janitors the one that
// leads does: figures of several would be added up by whoever sums them.
type lagCollector struct {
	queue queue
	leads *atomic.Bool
}

var lagDesc = prometheus.NewDesc("gochat_queue_lag",
	"Messages (in the embedded log: group commits) beyond the group's low-water mark.", []string{"topic", "group"}, nil)

// Describe implements prometheus.Collector, as Collect does.
func (lagCollector) Describe(ch chan<- *prometheus.Desc) { ch <- lagDesc }

// Collect asks the queue; without an answer there are no figures.
func (l lagCollector) Collect(ch chan<- prometheus.Metric) {
	if !l.leads.Load() {
		return
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lag, err := l.queue.Lag(ctx, readers...)
	if err != nil {
		return // readiness says that it does not answer
	}
	for r, n := range lag {
		ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(n), r.Topic, r.Group)
	}
}
