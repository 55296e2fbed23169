package hint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// fakeQueue remembers what each gateway was told: the hints of each user, in order.
type fakeQueue struct {
	mu      sync.Mutex
	fail    int
	calls   int // bounds the calls that go through before each that fails; 0: none fails
	went    int
	records int
	largest int
	told    map[string][]string // "gateway user" → "conversation/seq"
}

func (f *fakeQueue) Publish(_ context.Context, records ...handlers.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail > 0 {
		f.fail--
		return errors.New("the queue is away")
	}
	if f.went++; f.calls > 0 && f.went > f.calls {
		f.went = 0
		return context.DeadlineExceeded
	}
	for _, r := range records {
		f.records++
		f.largest = max(f.largest, proto.Size(r.Message))
		gw, _ := contracts.GatewayOfTopic(r.Topic)
		for _, d := range r.Message.(*pb.Downstream).GetDeliveries() {
			var frame struct {
				Type string
				Data struct {
					ConversationID string
					LastSeq        uint64
				}
			}
			if err := json.Unmarshal(d.GetFrame(), &frame); err != nil {
				return err
			}
			if d.GetFrameType() != frame.Type || d.GetClass() != pb.Delivery_CLASS_PUSH {
				return fmt.Errorf("a hint goes as %q of %v, want a push", d.GetFrameType(), d.GetClass())
			}
			for _, u := range d.GetUserIds() {
				key := fmt.Sprint(gw, " ", u)
				f.told[key] = append(f.told[key], fmt.Sprint(frame.Type, " ", frame.Data.ConversationID, "/", frame.Data.LastSeq))
			}
		}
	}
	return nil
}

// with runs a hinter while use runs, and returns once what waits then is published.
func with(t *testing.T, q *fakeQueue, use func(*Hinter)) (failures []error) {
	t.Helper()
	h := New(q, func(err error) { failures = append(failures, err) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	use(h)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return failures
}

// TestManyMessagesAreOneHint: all messages of a conversation within a second are one hint with the newest
// number, for each gateway.
func TestManyMessagesAreOneHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{told: map[string][]string{}}
		with(t, q, func(h *Hinter) {
			for seq := range uint64(1000) {
				h.Hint("c", seq+1, []int64{1, 2}, []string{"a", "b"})
			}
			h.Hint("d", 5, []int64{2}, []string{"b"})
			h.Hint("nobody", 5, nil, []string{"b"})
		})
		if q.records != 2 {
			t.Errorf("%d records, want one for each gateway", q.records)
		}
		for _, gw := range []string{"a", "b"} {
			if got := q.told[gw+" 1"]; !slices.Equal(got, []string{"sync-hint c/1000"}) {
				t.Errorf("%s was told %v", gw, got)
			}
			got := q.told[gw+" 2"]
			slices.Sort(got)
			if !slices.Equal(got, []string{"sync-hint c/1000", "sync-hint d/5"}) {
				t.Errorf("%s was told %v", gw, got)
			}
		}
	})
}

// TestHintsOutliveAQueueThatIsAway for a while.
func TestHintsOutliveAQueueThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{told: map[string][]string{}, fail: 2}
		failures := with(t, q, func(h *Hinter) {
			h.Hint("c", 1, []int64{1}, []string{"a"})
			time.Sleep(5 * pause) // of the bubble's clock
		})
		if len(failures) != 2 {
			t.Errorf("failures %v, want two", failures)
		}
		if got := q.told["a 1"]; !slices.Equal(got, []string{"sync-hint c/1"}) {
			t.Errorf("told %v", got)
		}
	})
}

// TestASlowQueueStarvesNoGateway: where only some gateways can be told in a round, the next round
// goes on behind them; nobody is told twice.
func TestASlowQueueStarvesNoGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{told: map[string][]string{}, calls: 1}
		gateways := make([]string, 5*gatewaysAtOnce)
		for i := range gateways {
			gateways[i] = fmt.Sprintf("gw-%03d", i)
		}
		with(t, q, func(h *Hinter) {
			h.Hint("c", 1, []int64{1}, gateways)
			time.Sleep(6 * pause) // of the bubble's clock
			h.Hint("c", 2, []int64{1}, gateways[:1])
			time.Sleep(2 * pause)
		})
		for i, gw := range gateways {
			want := []string{"sync-hint c/1"}
			if i == 0 {
				want = append(want, "sync-hint c/2")
			}
			if got := q.told[gw+" 1"]; !slices.Equal(got, want) {
				t.Errorf("%s was told %v, want %v", gw, got, want)
			}
		}
	})
}

// TestHintsAreBounded: in the size of their records, and in the number of users.
func TestHintsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{told: map[string][]string{}}
		failures := with(t, q, func(h *Hinter) {
			for conv := range int64(40) {
				users := make([]int64, 10_000)
				for i := range users {
					users[i] = 1<<60 + conv*10_000 + int64(i)
				}
				h.Hint(fmt.Sprint("group_", conv), 1, users, []string{"a"})
			}
		})
		if len(failures) != 1 || !errors.Is(failures[0], ErrTooMany) {
			t.Errorf("failures %v, want that there were too many", failures)
		}
		if len(q.told) != most {
			t.Errorf("%d users were told, want %d", len(q.told), most)
		}
		if q.largest > 256<<10 {
			t.Errorf("a record of %d bytes", q.largest)
		}
	})
}
