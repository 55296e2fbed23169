package janitor_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/janitor"
)

// world is a queue and a registry.
type world struct {
	mu      sync.Mutex
	topics  []string
	live    []string
	away    error // of the registry
	stuck   error // of the queue
	reports []error
}

func (w *world) Topics(context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.topics), w.stuck
}

func (w *world) Delete(_ context.Context, names ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.topics = slices.DeleteFunc(w.topics, func(t string) bool { return slices.Contains(names, t) })
	return nil
}

func (w *world) LiveGateways(context.Context, *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &pb.LiveGatewaysResponse{GatewayIds: slices.Clone(w.live)}, w.away
}

const grace = 2 * time.Minute

func TestTopicsOfDeadGateways(t *testing.T) {
	dead, other := contracts.TopicDownstream("gw-dead"), contracts.TopicDownstream("gw-other")
	for name, c := range map[string]struct {
		after time.Duration
		while func(w *world, passed time.Duration) // at each half minute
		gone  bool
	}{
		"one that is dead for long goes": {after: grace + time.Minute, gone: true},
		"one that died lately stays":     {after: grace - time.Minute},
		"one that comes back stays": {after: 3 * grace, while: func(w *world, passed time.Duration) {
			if w.live = []string{"gw-other"}; passed%grace == time.Minute {
				w.live = []string{"gw-other", "gw-dead"}
			}
		}},
		"without an answer nobody is dead": {after: 3 * grace, while: func(w *world, passed time.Duration) {
			if w.away = nil; passed%grace == time.Minute {
				w.away = errors.New("away")
			}
		}},
		"when nobody lives the registry was emptied": {after: 3 * grace, while: func(w *world, _ time.Duration) { w.live = nil }},
		"a queue that does not answer is asked again": {after: 3 * grace, gone: true, while: func(w *world, passed time.Duration) {
			if w.stuck = nil; passed < grace {
				w.stuck = errors.New("stuck")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{topics: []string{contracts.TopicUpstream, dead, other}, live: []string{"gw-other"}}
				j, err := janitor.New(janitor.Config{Interval: 30 * time.Second, Grace: grace, Timeout: time.Second},
					janitor.Deps{Topics: w, Gateways: w, Report: func(_ []string, err error) { w.reports = append(w.reports, err) }})
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- j.Run(ctx) }()
				for passed := time.Duration(0); passed < c.after; passed += 30 * time.Second {
					if c.while != nil {
						w.mu.Lock()
						c.while(w, passed)
						w.mu.Unlock()
					}
					time.Sleep(30 * time.Second)
					synctest.Wait()
				}
				stop()
				require.NoError(t, <-done)
				assert.Equal(t, !c.gone, slices.Contains(w.topics, dead))
				assert.Contains(t, w.topics, other)
				assert.Contains(t, w.topics, contracts.TopicUpstream)
				assert.NotEmpty(t, w.reports)
			})
		})
	}
}

// TestANewLeaderLooksFirst: it deletes nothing by what an earlier leader saw.
func TestANewLeaderLooksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{topics: []string{contracts.TopicDownstream("gw-dead")}, live: []string{"gw-other"}}
		j, err := janitor.New(janitor.Config{Interval: 30 * time.Second, Grace: grace, Timeout: time.Second},
			janitor.Deps{Topics: w, Gateways: w, Report: func([]string, error) {}})
		require.NoError(t, err)
		for range 2 {
			ctx, stop := context.WithTimeout(t.Context(), grace-time.Second)
			require.NoError(t, j.Run(ctx))
			stop()
		}
		assert.NotEmpty(t, w.topics)
	})
}

func TestSettings(t *testing.T) {
	require.ErrorContains(t, janitor.Config{}.Validate(), "janitor")
	_, err := janitor.New(janitor.DefaultConfig(), janitor.Deps{})
	require.ErrorContains(t, err, "missing")
}
