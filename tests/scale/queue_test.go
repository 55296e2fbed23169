package scale_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// queue is Kafka, with a count of what the routers publish to it.
type queue struct {
	mq.Transport
	brokers []string
	start   string // of the names of its topics at the brokers

	mu      sync.Mutex
	topics  map[string]bool // those that were made
	records int64
	bytes   int64
	pushed  int64         // users, or whole gateways, that a message was pushed to
	changed chan struct{} // has a word in it when pushed has grown
}

// openQueue connects the Kafka of the environment. Names at the brokers are of this test alone, and
// gone when it ends.
func openQueue(t *testing.T) *queue {
	t.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers = strings.Split(os.Getenv(envKafka), ",")
	cfg.Environment = "scale-" + strings.ToLower(rand.Text()[:12])
	cfg.ClientID = "scale"
	cfg.Partitions = 4
	transport, err := kafka.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	q := &queue{
		Transport: transport, brokers: cfg.Brokers, start: cfg.Environment + ".", topics: map[string]bool{}, changed: make(chan struct{}, 1),
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		names := make([]string, 0, len(q.topics))
		for name := range q.topics {
			names = append(names, name)
		}
		atOnce(len(names), func(i int) { assert.NoError(t, transport.Delete(ctx, names[i])) })
		assert.NoError(t, transport.Close())
	})
	var shared []mq.Topic
	for _, name := range []string{contracts.TopicUpstream, contracts.TopicStored, contracts.TopicFanout, contracts.TopicPoison} {
		shared = append(shared, mq.Topic{Name: name, Partitions: cfg.Partitions})
	}
	q.ensure(t, shared...)
	return q
}

// ensure makes the topics that are not there yet.
func (q *queue) ensure(t *testing.T, topics ...mq.Topic) {
	t.Helper()
	var missing []mq.Topic
	for _, topic := range topics {
		if !q.topics[topic.Name] {
			q.topics[topic.Name] = true
			missing = append(missing, topic)
		}
	}
	atOnce(len(missing), func(i int) { assert.NoError(t, q.Ensure(t.Context(), missing[i])) })
}

// Outbox implements mq.Transport.
func (q *queue) Outbox(id string) (mq.Outbox, error) {
	out, err := q.Transport.Outbox(id)
	return countedOutbox{out, q}, err
}

type countedOutbox struct {
	mq.Outbox
	in *queue
}

func (o countedOutbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	err := o.Outbox.Publish(ctx, out...)
	if err == nil {
		o.in.note(out)
	}
	return err
}

// note counts what was published.
func (q *queue) note(out []mq.Outbound) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range out {
		q.records++
		q.bytes += int64(mq.RecordBytes(one.Message))
		down, ok := mq.Decoded(one.Message).(*pb.Downstream)
		if !ok {
			continue
		}
		for _, d := range down.GetDeliveries() {
			if d.GetClass() == pb.Delivery_CLASS_PUSH {
				q.pushed += int64(len(d.GetUserIds()))
			}
			if d.GetEveryone() {
				q.pushed++
			}
		}
	}
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

func (q *queue) counts() (records, bytes, pushed int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.records, q.bytes, q.pushed
}

// await waits until so much at least was pushed since the beginning.
func (q *queue) await(t *testing.T, pushed int64) {
	t.Helper()
	late := time.After(patience)
	for {
		_, _, now := q.counts()
		if now >= pushed {
			return
		}
		select {
		case <-q.changed:
		case <-late:
			t.Fatalf("%d of %d pushes were published", now, pushed)
		}
	}
}

// atOnce calls work for 0 to n-1, by a few goroutines.
func atOnce(n int, work func(i int)) {
	const workers = 8
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := w; i < n; i += workers {
				work(i)
			}
		})
	}
	running.Wait()
}
