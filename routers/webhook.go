package routers

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/webhook"
)

// NewWebhookRouter returns the router that tells webhooks of stored messages. Its one lane gathers the messages
// that come while a run is noted, so that there are few, long runs.
func NewWebhookRouter(cfg Config, deps Deps, feed *webhook.Live) (*Router, error) {
	cfg.Lanes = 1
	return build(cfg, deps, contracts.TopicPoison, work{
		name:  "webhook",
		topic: contracts.TopicStored,
		group: contracts.GroupWebhook,
		about: aboutMessage[pb.Stored], content: contentOfMessage[pb.Stored],
		last: func(msg *message.Message) error {
			if feed.Idle() {
				return nil
			}
			events, err := decodeRun[pb.Stored](msg)
			if err != nil {
				return err
			}
			return feed.Handle(msg.Context(), events)
		},
	})
}

// webhookObserver counts what webhooks do, and logs what an operator has to know.
type webhookObserver struct {
	log           *zap.Logger
	posts         *prometheus.HistogramVec
	messages      *prometheus.CounterVec
	conversations *prometheus.GaugeVec
	behind        *prometheus.GaugeVec
	waiting       *prometheus.GaugeVec
	down          *prometheus.GaugeVec
}

// NewWebhookObserver registers the metrics of webhooks; it panics when they are
// registered already, which is a mistake of the wiring.
func NewWebhookObserver(reg prometheus.Registerer, log *zap.Logger) webhook.Observer {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"hook"})
	}
	// While the repo is away, every hook's question fails, once a second.
	const quiet = 30 * time.Second
	o := &webhookObserver{
		log: log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
			return zapcore.NewSamplerWithOptions(core, quiet, 5, 0)
		})),
		posts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_webhook_post_seconds", Help: "How long requests to receivers took, by how they ended.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 11),
		}, []string{"hook", "outcome"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_webhook_messages_total", Help: "Messages that a receiver took, those that came again included.",
		}, []string{"hook"}),
		conversations: gauge("gochat_webhook_behind_conversations", "Conversations with messages that the receiver has not taken."),
		behind:        gauge("gochat_webhook_behind_messages", "Messages that the receiver has not taken."),
		waiting: gauge("gochat_webhook_oldest_seconds",
			"For how long the conversation that has waited longest has had news without one being taken."),
		down: gauge("gochat_webhook_down", "1 while the receiver counts as down for this process."),
	}
	reg.MustRegister(o.posts, o.messages, o.conversations, o.behind, o.waiting, o.down)
	return o
}

// Posted implements webhook.Observer.
func (o *webhookObserver) Posted(hook, outcome string, took time.Duration, messages int) {
	o.posts.WithLabelValues(hook, outcome).Observe(took.Seconds())
	if outcome == webhook.Taken {
		o.messages.WithLabelValues(hook).Add(float64(messages))
	}
}

// Behind implements webhook.Observer.
func (o *webhookObserver) Behind(hook string, conversations, messages int64, waiting time.Duration) {
	o.conversations.WithLabelValues(hook).Set(float64(conversations))
	o.behind.WithLabelValues(hook).Set(float64(messages))
	o.waiting.WithLabelValues(hook).Set(waiting.Seconds())
	o.down.WithLabelValues(hook).Add(0)
}

// State implements webhook.Observer.
func (o *webhookObserver) State(hook string, down bool, why error) {
	if down {
		o.down.WithLabelValues(hook).Set(1)
		o.log.Warn("a webhook's receiver fails; it is tried again for as long as it takes", zap.String("hook", hook), zap.Error(why))
		return
	}
	o.down.WithLabelValues(hook).Set(0)
	o.log.Info("a webhook's receiver is well again", zap.String("hook", hook))
}

// Gone implements webhook.Observer.
func (o *webhookObserver) Gone(hook string) {
	of := prometheus.Labels{"hook": hook}
	for _, figures := range []interface{ DeletePartialMatch(prometheus.Labels) int }{o.posts, o.messages, o.conversations, o.behind, o.waiting, o.down} {
		figures.DeletePartialMatch(of)
	}
}

// Failed implements webhook.Observer.
func (o *webhookObserver) Failed(hook, what string, err error) {
	o.log.Warn("webhooks: could not "+what+"; it is tried again", zap.String("hook", hook), zap.Error(err))
}
