package routers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/searchindex"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/routers/middleware"
)

// awayIndex fails at first, and then notes what it was told.
type awayIndex struct {
	searchindex.Index
	mu    sync.Mutex
	fails int
	seen  []string
}

func (a *awayIndex) IndexMessages(_ context.Context, in *pb.IndexMessagesRequest) (*pb.IndexMessagesResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fails--; a.fails >= 0 {
		return nil, errors.New("away")
	}
	for _, m := range in.GetMessages() {
		a.seen = append(a.seen, m.GetContent())
	}
	return &pb.IndexMessagesResponse{}, nil
}

func (a *awayIndex) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.seen...)
}

// TestSearchRouter: an index that is away loses no message, and a record that is no stored event is poisoned
// alone.
func TestSearchRouter(t *testing.T) {
	t.Parallel()
	queue, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	for _, topic := range []string{contracts.TopicStored, contracts.TopicPoison} {
		require.NoError(t, queue.Ensure(t.Context(), mq.Topic{Name: topic}))
	}
	index := &awayIndex{fails: 3}
	cfg := DefaultConfig()
	cfg.Retries, cfg.RetryPause, cfg.RetryPauseMax = 1, time.Millisecond, time.Millisecond
	deps := Deps{Transport: queue, Metrics: middleware.NewMetrics(prometheus.NewRegistry()), Log: zap.NewNop(), Watermill: watermill.NopLogger{}}
	r, err := NewSearchRouter(cfg, deps, searchindex.New(index))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
		assert.NoError(t, queue.Close())
	})
	<-r.Running()
	var events []*message.Message
	want := []string{"a", "", "b"}
	for range 100 {
		want = append(want, "c")
	}
	for _, content := range want {
		payload, err := proto.Marshal(&pb.Stored{Message: &pb.Message{ConversationId: "world", SeqId: 1, MessageType: "text", Content: content}})
		require.NoError(t, err)
		if content == "" {
			payload = []byte{0xff, 0xff}
		}
		event := message.NewMessage(watermill.NewUUID(), payload)
		event.Metadata.Set(contracts.MetaSchema, contracts.SchemaVersion)
		events = append(events, event)
	}
	require.NoError(t, queue.Publisher().Publish(contracts.TopicStored, events...))
	require.Eventually(t, func() bool { return len(index.got()) == len(want)-1 }, patience, time.Millisecond)
	assert.Equal(t, append([]string{"a"}, want[2:]...), index.got())
}
