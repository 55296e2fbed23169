package routers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers/retention"
)

// retentionObserver counts what the retention takes away, and logs what fails.
type retentionObserver struct {
	log      *zap.Logger
	messages prometheus.Counter
	records  *prometheus.CounterVec
	errors   prometheus.Counter
	overdue  prometheus.Gauge
	last     prometheus.Gauge
	// now counts the messages that expired in this round; worst is the longest that one of them was overdue.
	now   int64
	worst time.Duration
}

// NewRetentionObserver registers the metrics of the retention; it panics when they are registered
// already, which is a mistake of the wiring.
func NewRetentionObserver(reg prometheus.Registerer, log *zap.Logger) retention.Observer {
	o := &retentionObserver{
		log: log,
		messages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gochat_retention_messages_total", Help: "Messages whose content was taken because their time was over.",
		}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_retention_records_total", Help: "Other records that were deleted because their time was over, by what they were.",
		}, []string{"record"}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gochat_retention_errors_total", Help: "Rounds of the retention that failed.",
		}),
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gochat_retention_overdue_seconds", Help: "For how long the oldest message that the last round has found had outlived its time.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gochat_retention_last_round_timestamp_seconds", Help: "When the last round of the retention has ended without an error.",
		}),
	}
	reg.MustRegister(o.messages, o.records, o.errors, o.overdue, o.last)
	return o
}

// Expired implements retention.Observer.
func (o *retentionObserver) Expired(messages int64, overdue time.Duration) {
	o.messages.Add(float64(messages))
	o.now += messages
	o.worst = max(o.worst, overdue)
}

// Forgot implements retention.Observer.
func (o *retentionObserver) Forgot(poison, webhookAttempts int64) {
	o.records.WithLabelValues("poison").Add(float64(poison))
	o.records.WithLabelValues("webhook_attempt").Add(float64(webhookAttempts))
	if poison > 0 {
		o.log.Info("poisoned records were forgotten, as retention.poison says", zap.Int64("records", poison))
	}
}

// Ended implements retention.Observer.
func (o *retentionObserver) Ended(at time.Time, err error) {
	if o.now > 0 {
		o.log.Info("messages have expired, as retention says", zap.Int64("messages", o.now))
	}
	if err != nil {
		o.errors.Inc()
		o.log.Warn("a round of the retention failed; the next round tries again", zap.Error(err))
	} else {
		o.last.Set(float64(at.UnixMilli()) / 1000)
		o.overdue.Set(o.worst.Seconds())
	}
	o.now, o.worst = 0, 0
}
