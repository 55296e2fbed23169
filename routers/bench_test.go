package routers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/routers/middleware"
)

// bench is a message router on a queue in memory, with a tap on what it sends.
type bench struct {
	t        *testing.T
	queue    *stream.Stream
	repo     *fakeRepo
	toGW     <-chan *message.Message
	poisoned <-chan *message.Message
	// content of what send sends; empty: a greeting.
	content string
	// reg has the router's metrics.
	reg *prometheus.Registry
	// logs are what the router said.
	logs *observer.ObservedLogs
	// start starts a router, with the extra middleware; end ends it.
	start func(extra message.HandlerMiddleware)
	end   func()
}

const patience = time.Minute

// beforeStages is where a run is decoded, and no stage has seen it.
const beforeStages = "decode"

// newBench starts the pipeline with an extra middleware after the stage of that name, or
// beforeStages; nil adds none.
func newBench(t *testing.T, after string, extra message.HandlerMiddleware) *bench {
	t.Helper()
	return newPatientBench(t, DefaultConfig().PoisonAfter, after, extra)
}

// newPatientBench is newBench with a time for errors that nobody foresaw.
func newPatientBench(t *testing.T, poisonAfter time.Duration, after string, extra message.HandlerMiddleware) *bench {
	t.Helper()
	queue, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	log, logs := observer.New(zap.DebugLevel)
	b := &bench{t: t, queue: queue, repo: newFakeRepo(1, 2), reg: prometheus.NewRegistry(), logs: logs}
	for _, topic := range []string{contracts.TopicUpstream, contracts.TopicStored, contracts.TopicFanout, contracts.TopicPoison, contracts.TopicDownstream("gw")} {
		require.NoError(t, queue.Ensure(t.Context(), mq.Topic{Name: topic}))
	}
	b.toGW, b.poisoned = b.tap(contracts.TopicDownstream("gw")), b.tap(contracts.TopicPoison)

	deps := Deps{Transport: queue, Metrics: middleware.NewMetrics(b.reg), Log: zap.New(log), Watermill: watermill.NopLogger{}}
	out, err := NewOutbox(deps, "message")
	require.NoError(t, err)
	p := Pipeline{
		Messages: b.repo, Conversations: b.repo, Groups: roster.New(b.repo), Sessions: b.repo, IDs: &counterIDs{}, Outbox: out,
	}
	cfg := DefaultConfig()
	cfg.PoisonAfter = poisonAfter
	cfg.Retries, cfg.RetryPause, cfg.RetryPauseMax, cfg.Lanes = 1, time.Millisecond, time.Millisecond, 2
	b.start = func(extra message.HandlerMiddleware) { b.run(cfg, deps, p, after, extra) }
	b.start(extra)
	t.Cleanup(func() {
		b.end()
		assert.NoError(t, queue.Close())
	})
	return b
}

// run starts a router; it is ended by b.end.
func (b *bench) run(cfg Config, deps Deps, p Pipeline, after string, extra message.HandlerMiddleware) {
	b.t.Helper()
	stages := p.Stages(cfg)
	inner := middlewares(deps, stages)
	if extra != nil {
		at := 1 + slices.IndexFunc(stages, func(s NamedStage) bool { return s.Name == after })
		require.True(b.t, at > 0 || after == beforeStages, "there is no stage %q", after)
		at++ // decode comes first
		inner = append(inner[:at:at], append([]message.HandlerMiddleware{extra}, inner[at:]...)...)
	}
	r, err := build(cfg, deps, contracts.TopicPoison, work{
		name: "message", topic: contracts.TopicUpstream, group: contracts.GroupMessage, about: p.about, content: contentOfSend,
		inner: inner, last: func(*message.Message) error { return nil },
	})
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	b.end = func() {
		cancel()
		assert.NoError(b.t, <-done)
	}
	<-r.Running()
}

func (b *bench) tap(topic string) <-chan *message.Message {
	b.t.Helper()
	sub, err := b.queue.Subscriber(mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1, DrainTimeout: time.Millisecond})
	require.NoError(b.t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(b.t.Context()), topic)
	require.NoError(b.t, err)
	return ch
}

// send publishes a send of user 1 to user 2.
func (b *bench) send(tempIDs ...string) {
	b.t.Helper()
	msgs := make([]*message.Message, len(tempIDs))
	for i, id := range tempIDs {
		conv := string(contracts.SingleConversation(1, 2))
		payload, err := proto.Marshal(&pb.Upstream{
			SenderId: 1, ReceiverId: 2, ConversationId: conv, Content: cmp.Or(b.content, "hello "+id), MessageType: "text", TempMessageId: id, AcceptedAt: 1,
		})
		require.NoError(b.t, err)
		msgs[i] = message.NewMessage("u-"+id, payload)
		msgs[i].Metadata = message.Metadata{
			mq.KeyMetadata: conv, contracts.MetaSchema: contracts.SchemaVersion,
			contracts.MetaOriginGateway: "gw", contracts.MetaOriginConnection: "conn",
			"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		}
	}
	require.NoError(b.t, b.queue.Publisher().Publish(contracts.TopicUpstream, msgs...))
}

// seen is what a gateway was told about one send.
type seen struct {
	stored, rejected, pushes int
	ids                      map[string]bool // messageId@seqId
}

// collect reads deliveries until done says that it is enough.
func (b *bench) collect(done func(map[string]*seen) bool) map[string]*seen {
	b.t.Helper()
	all := map[string]*seen{}
	deadline := time.After(patience)
	for !done(all) {
		select {
		case m := <-b.toGW:
			b.note(all, m.Payload)
			m.Ack()
		case <-deadline:
			require.FailNow(b.t, "not everything was delivered", "%+v", all)
		}
	}
	return all
}

func (b *bench) note(all map[string]*seen, payload []byte) {
	b.t.Helper()
	var down pb.Downstream
	require.NoError(b.t, proto.Unmarshal(payload, &down))
	for _, d := range down.GetDeliveries() {
		var f struct {
			Type string
			Data struct {
				TempMessageID, MessageID string
				SeqID                    uint64
			}
		}
		require.NoError(b.t, json.Unmarshal(d.GetFrame(), &f))
		s := all[f.Data.TempMessageID]
		if s == nil {
			s = &seen{ids: map[string]bool{}}
			all[f.Data.TempMessageID] = s
		}
		switch f.Type {
		case contracts.FrameStored:
			require.Equal(b.t, "conn", d.GetOnlyConnectionId())
			s.stored++
			s.ids[fmt.Sprintf("%s@%d", f.Data.MessageID, f.Data.SeqID)] = true
		case contracts.FrameNew:
			s.pushes++
			s.ids[fmt.Sprintf("%s@%d", f.Data.MessageID, f.Data.SeqID)] = true
		case contracts.FrameRejected:
			s.rejected++
		}
	}
}

func acked(ids ...string) func(map[string]*seen) bool {
	return func(all map[string]*seen) bool {
		for _, id := range ids {
			if s := all[id]; s == nil || s.stored == 0 || s.pushes == 0 {
				return false
			}
		}
		return true
	}
}

// failing breaks down a number of times before the stages after it run.
func failing(times int, how func() error, hits *atomic.Int64) message.HandlerMiddleware {
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			if hits.Add(1) <= int64(times) {
				return nil, how()
			}
			return h(msg)
		}
	}
}
