package routers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryStageHeals breaks the pipeline after each stage (its work is done, that of the later stages is not),
// lets the record come again, and expects the result of a run without failures: stored once, no hole in the
// numbers, one id each, ack and push.
func TestEveryStageHeals(t *testing.T) {
	t.Parallel()
	stages := append([]NamedStage{{Name: beforeStages}}, Pipeline{}.Stages(DefaultConfig())...)
	kinds := map[string]struct {
		times int
		how   func() error
	}{
		"an error that passes at the first retry": {1, func() error { return errors.New("a dependency is away") }},
		"an error that outlasts the retries":      {5, func() error { return errors.New("a dependency is away") }},
		"unavailable":                             {3, func() error { return contracts.NewError(contracts.CodeUnavailable, "") }},
		"a panic":                                 {1, func() error { panic("boom") }},
	}
	for _, stage := range stages {
		for kind, k := range kinds {
			t.Run(kind+" after "+stage.Name, func(t *testing.T) {
				t.Parallel()
				var hits atomic.Int64
				b := newBench(t, stage.Name, failing(k.times, k.how, &hits))
				b.send("a", "b", "c")
				all := b.collect(acked("a", "b", "c"))
				require.Eventually(t, func() bool { return hits.Load() > int64(k.times) }, patience, time.Millisecond, "it did break")
				history := b.repo.history[string(contracts.SingleConversation(1, 2))]
				require.Len(t, history, 3)
				for i, id := range []string{"a", "b", "c"} {
					assert.EqualValues(t, i+1, history[i].GetSeqId())
					assert.Equal(t, id, history[i].GetTempMessageId(), "order holds")
					assert.Len(t, all[id].ids, 1, "one id, however often it is said")
					assert.Zero(t, all[id].rejected)
				}
				b.nothingPoisoned()
			})
		}
	}
}

// nothingPoisoned publishes a mark to the poison topic and expects it to be the first record there.
func (b *bench) nothingPoisoned() {
	b.t.Helper()
	require.NoError(b.t, b.queue.Publisher().Publish(contracts.TopicPoison, message.NewMessage("mark", nil)))
	m := <-b.poisoned
	assert.Equal(b.t, "mark", m.UUID)
	m.Ack()
}

// A resend long after gets the same ids again.
func TestAResendGetsTheSameIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	b.send("a")
	first := b.collect(acked("a"))["a"]
	b.send("a", "b")
	again := b.collect(acked("a", "b"))
	assert.Equal(t, first.ids, again["a"].ids)
	assert.Len(t, b.repo.history[string(contracts.SingleConversation(1, 2))], 2)
}

// guilty fails on the message that is bad.
func guilty(fail func() error) func(message.HandlerFunc) message.HandlerFunc {
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			for _, it := range carrierOf(msg.Context()).env.Items {
				if it.Upstream.GetTempMessageId() == "bad" {
					return nil, fail()
				}
			}
			return h(msg)
		}
	}
}

// A message that can never be handled is poisoned alone, and its lane goes on; so is a message that has failed
// with unforeseen errors for long enough.
func TestPoisonTakesOnlyTheGuilty(t *testing.T) {
	t.Parallel()
	const patient = 20 * time.Millisecond
	kinds := map[string]struct {
		fail   func() error
		reason string
	}{
		"a panic": {func() error { panic("this message breaks the handler") }, contracts.PoisonPanic},
		"too large": {
			func() error { return fmt.Errorf("this message breaks the handler: %w", mq.ErrTooLarge) }, contracts.PoisonTooLarge,
		},
		"unforeseen": {
			func() error { return errors.New("this message breaks the handler") }, contracts.PoisonUnforeseen,
		},
		"an internal error of a service": {
			func() error { return contracts.NewError(contracts.CodeInternal, "this message breaks the handler") }, contracts.PoisonUnforeseen,
		},
	}
	for kind, k := range kinds {
		for name, after := range map[string]string{"before it is stored": beforeStages, "after it was stored": "persist"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				b := newPatientBench(t, patient, after, guilty(k.fail))
				b.send("a", "bad", "c")
				all := b.collect(func(all map[string]*seen) bool {
					return acked("a", "c")(all) && all["bad"] != nil && all["bad"].stored+all["bad"].rejected > 0
				})
				told, history := contracts.ToldStored, []string{"a", "bad", "c"}
				if after == beforeStages {
					told, history = contracts.ToldRejected, []string{"a", "c"}
					assert.Positive(t, all["bad"].rejected)
				} else {
					assert.Zero(t, all["bad"].rejected, "what is stored is not rejected")
					assert.Positive(t, all["bad"].stored)
				}
				for i, m := range b.repo.history[string(contracts.SingleConversation(1, 2))] {
					assert.Equal(t, history[i], m.GetTempMessageId())
					assert.EqualValues(t, i+1, m.GetSeqId(), "no number is lost")
				}
				b.poisonedFor(k.reason, told)
				b.nothingPoisoned()
			})
		}
	}
}

// poisonedFor expects the bad message at the poison topic, with the reason and with what its sender was told.
func (b *bench) poisonedFor(reason, told string) {
	b.t.Helper()
	m := <-b.poisoned
	assert.Equal(b.t, "u-bad", m.UUID)
	assert.Contains(b.t, m.Metadata.Get(contracts.MetaPoisonError), "this message breaks the handler")
	for key, want := range map[string]string{
		contracts.MetaPoisonReason: reason, contracts.MetaPoisonTold: told,
		contracts.MetaPoisonTopic: contracts.TopicUpstream, contracts.MetaPoisonGroup: contracts.GroupMessage,
		contracts.MetaPoisonSender: "1", contracts.MetaPoisonTempMessage: "bad",
		contracts.MetaPoisonConversation: string(contracts.SingleConversation(1, 2)),
		contracts.MetaTraceID:            "0af7651916cd43dd8448eb211c80319c",
	} {
		assert.Equal(b.t, want, m.Metadata.Get(key), key)
	}
	assert.NotEmpty(b.t, m.Metadata.Get(contracts.MetaPoisonAt))
	m.Ack()
}

// A dependency that is away is waited for, however soon unforeseen errors are given up.
func TestDependenciesAreWaitedFor(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a service":                      contracts.NewError(contracts.CodeUnavailable, ""),
		"a deadline":                     fmt.Errorf("save: %w", context.DeadlineExceeded),
		"a queue that is closing":        fmt.Errorf("publish: %w", mq.ErrClosed),
		"a topic that is not there yet":  fmt.Errorf("publish: %w", mq.ErrUnknownTopic),
		"a service of an older release":  status.Error(codes.Unimplemented, "unknown method"),
		"a server that does not answer":  status.Error(codes.Unavailable, "connection refused"),
		"a record of a newer release":    middleware.ErrNewer,
		"a call that somebody gave up":   context.Canceled,
		"a service's deadline in a call": status.Error(codes.DeadlineExceeded, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hits atomic.Int64
			b := newPatientBench(t, time.Nanosecond, "dedup", failing(7, func() error { return err }, &hits))
			b.send("a", "b")
			all := b.collect(acked("a", "b"))
			assert.Zero(t, all["a"].rejected+all["b"].rejected)
			b.nothingPoisoned()
		})
	}
}

// A record of a newer release waits for a worker that can read it.
func TestRecordsOfANewerReleaseWait(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	newer := message.NewMessage("newer", []byte{0xff, 0xff})
	newer.Metadata = message.Metadata{mq.KeyMetadata: "world", contracts.MetaSchema: "99"}
	require.NoError(t, b.queue.Publisher().Publish(contracts.TopicUpstream, newer))
	require.Eventually(t, func() bool { return b.outcomes("newer") > 1 }, patience, time.Millisecond)
	b.nothingPoisoned()
	for version, want := range map[string]error{"2": middleware.ErrNewer, "": middleware.ErrUndecodable, "x": middleware.ErrUndecodable, "0": middleware.ErrUndecodable, "-1": middleware.ErrUndecodable} {
		m := message.NewMessage("m", nil)
		m.Metadata.Set(contracts.MetaSchema, version)
		_, err := decodeItem(m)
		require.ErrorIs(t, err, want, version)
		_, err = decodeRun[pb.Stored](m)
		require.ErrorIs(t, err, want, version)
		_, err = decodeRun[pb.FanoutTask](m)
		require.ErrorIs(t, err, want, version)
	}
}

// outcomes is how many messages had an outcome.
func (b *bench) outcomes(outcome string) (n float64) {
	b.t.Helper()
	families, err := b.reg.Gather()
	require.NoError(b.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "gochat_router_messages_total" && l.GetName() == "outcome" && l.GetValue() == outcome {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func TestUndecodableRecordsArePoisoned(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	garbage := message.NewMessage("garbage", []byte{0xff, 0xff})
	garbage.Metadata = message.Metadata{mq.KeyMetadata: "world", contracts.MetaSchema: contracts.SchemaVersion}
	foreign := message.NewMessage("foreign", nil)
	foreign.Metadata = message.Metadata{mq.KeyMetadata: "world"}
	require.NoError(t, b.queue.Publisher().Publish(contracts.TopicUpstream, garbage, foreign))
	for _, want := range []string{"garbage", "foreign"} {
		m := <-b.poisoned
		assert.Equal(t, want, m.UUID)
		assert.Equal(t, contracts.PoisonUndecodable, m.Metadata.Get(contracts.MetaPoisonReason))
		assert.Equal(t, contracts.ToldNobody, m.Metadata.Get(contracts.MetaPoisonTold))
		m.Ack()
	}
	b.send("a")
	b.collect(acked("a"))
}

// Without its cache the pipeline gives numbers from the database.
func TestTheCacheMayBeAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	b.repo.noCache = true
	b.send("a", "b")
	b.collect(acked("a", "b"))
	assert.Len(t, b.repo.history[string(contracts.SingleConversation(1, 2))], 2)
}

// A receiver who does not exist is an outcome, not an error.
func TestRefusalsReachTheSender(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	delete(b.repo.users, 2)
	b.send("a")
	all := b.collect(func(all map[string]*seen) bool { return all["a"] != nil && all["a"].rejected > 0 })
	assert.Zero(t, all["a"].stored)
	assert.Empty(t, b.repo.history)
	b.nothingPoisoned()
}

// The pushes of a run of the largest messages fit into one call of the outbox, although a control character
// takes six bytes in a frame.
func TestLargeRunsFitTheOutbox(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	b.content = strings.Repeat("\x01", contracts.DefaultLimits().ContentMax)
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprint("m", i)
	}
	b.send(ids...)
	b.collect(acked(ids...))
	assert.Len(t, b.repo.history[string(contracts.SingleConversation(1, 2))], len(ids))
}
