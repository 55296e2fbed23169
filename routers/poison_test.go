package routers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/routers/middleware"
)

// fakePoison is what the keeper calls of the storage role.
type fakePoison struct {
	pb.PoisonRepoClient
	kept chan string
	// refusals are what is left to forget, in batches.
	refusals []int64
	asked    atomic.Int64
}

func (f *fakePoison) KeepPoison(_ context.Context, in *pb.KeepPoisonRequest, _ ...grpc.CallOption) (*pb.KeepPoisonResponse, error) {
	for _, r := range in.GetRecords() {
		f.kept <- r.GetUuid()
	}
	return &pb.KeepPoisonResponse{}, nil
}

func (f *fakePoison) ListRequeued(context.Context, *pb.ListRequeuedRequest, ...grpc.CallOption) (*pb.ListRequeuedResponse, error) {
	return &pb.ListRequeuedResponse{}, nil
}

func (f *fakePoison) ForgetRefusals(context.Context, *pb.ForgetRefusalsRequest, ...grpc.CallOption) (*pb.ForgetRefusalsResponse, error) {
	f.asked.Add(1)
	if len(f.refusals) == 0 {
		return &pb.ForgetRefusalsResponse{}, nil
	}
	n := f.refusals[0]
	f.refusals = f.refusals[1:]
	return &pb.ForgetRefusalsResponse{Forgotten: n}, nil
}

// awayAtFirst is a queue to which nobody can subscribe the first times.
type awayAtFirst struct {
	mq.Transport
	left atomic.Int64
}

type awaySubscriber struct {
	message.Subscriber
	from *awayAtFirst
}

func (a *awayAtFirst) Subscriber(cfg mq.SubscriberConfig) (message.Subscriber, error) {
	s, err := a.Transport.Subscriber(cfg)
	return awaySubscriber{s, a}, err
}

func (s awaySubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if s.from.left.Add(-1) >= 0 {
		return nil, errors.New("no broker answers")
	}
	return s.Subscriber.Subscribe(ctx, topic)
}

// TestTheKeeperWaitsForTheQueue: a keeper that begins while no broker answers waits for one, and ends without
// an error when it is told to.
func TestTheKeeperWaitsForTheQueue(t *testing.T) {
	t.Parallel()
	for name, times := range map[string]int64{"and it comes back": 3, "and it stays away": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				queue, err := channel.Open(zap.NewNop())
				require.NoError(t, err)
				require.NoError(t, queue.Ensure(t.Context(), mq.Topic{Name: contracts.TopicPoison}))
				require.NoError(t, queue.Publisher().Publish(contracts.TopicPoison, message.NewMessage("dead", nil)))
				away := &awayAtFirst{Transport: queue}
				away.left.Store(times)
				repo := &fakePoison{kept: make(chan string, 1), refusals: []int64{500, 3}}
				keeper := NewPoisonKeeper(DefaultConfig(), Deps{
					Transport: away, Metrics: middleware.NewMetrics(prometheus.NewRegistry()), Log: zap.NewNop(), Watermill: watermill.NopLogger{},
				}, repo)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- keeper.Run(ctx) }()
				select {
				case uuid := <-repo.kept:
					assert.Equal(t, "dead", uuid)
				case err := <-ended:
					require.Fail(t, "the keeper gave up", "%v", err)
				case <-time.After(time.Minute): // of the test's own clock: the queue is still away
					assert.NotEqualValues(t, 3, times)
				}
				cancel()
				require.NoError(t, <-ended)
				assert.EqualValues(t, 3, repo.asked.Load(), "refusals are forgotten until there are no more")
				require.NoError(t, queue.Close())
			})
		})
	}
}
