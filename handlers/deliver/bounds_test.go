package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// The queue's own limits, which are in a room that handlers do not know.
const (
	queueRecord = 1 << 20
	queueCall   = 8 << 20
	// queueOverhead is what the embedded queue counts for a record beside its bytes.
	queueOverhead = 600
)

// boundedOutbox refuses what the queue would refuse, and keeps what each user is pushed.
type boundedOutbox struct {
	t    *testing.T
	got  map[int64][]uint64
	told map[string]int
	// events counts stored events and tasks.
	events int
	calls  int
}

func (b *boundedOutbox) take(records []handlers.Record) {
	b.t.Helper()
	b.calls++
	total := 0
	for _, r := range records {
		size := proto.Size(r.Message) + len(r.Key) + len(r.Topic)
		if size > queueRecord {
			b.t.Fatalf("a record of %d bytes for %s", size, r.Topic)
		}
		total += size + queueOverhead
		if _, downstream := contracts.GatewayOfTopic(r.Topic); !downstream {
			b.events++
			continue
		}
		down := r.Message.(*pb.Downstream)
		if len(down.GetDeliveries()) > 1 && proto.Size(r.Message) > recordBytes {
			b.t.Fatalf("%d deliveries in a record of %d bytes", len(down.GetDeliveries()), proto.Size(r.Message))
		}
		for _, d := range down.GetDeliveries() {
			if d.GetOnlyConnectionId() != "" {
				b.told[d.GetOnlyConnectionId()]++
			}
			for _, u := range d.GetUserIds() {
				b.got[u] = append(b.got[u], d.GetSeqId())
			}
		}
	}
	if total > queueCall {
		b.t.Fatalf("a call of %d bytes", total)
	}
}

// TestWhateverGoesInFits: no record and no call is above the queue's limits, and everyone is
// pushed everything in order, whatever the sizes of runs, members, gateways and contents.
func TestWhateverGoesInFits(t *testing.T) {
	t.Parallel()
	fill := []string{"a", "<", "\x01", `"`, "\u2028", "🙂"}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
			members, gateways := 1+rnd.IntN(30_000), 1+rnd.IntN(20)
			if rnd.IntN(2) == 0 {
				members = 1 + rnd.IntN(5)
			}
			routes := make([]handlers.Route, min(gateways, members))
			for u := range members {
				r := &routes[u%len(routes)]
				r.GatewayID, r.Users = fmt.Sprint("gw", u%len(routes)), append(r.Users, 1<<62+int64(u))
			}
			env, content := &handlers.Envelope{}, 0
			// As long as a run of the queue, and not longer than a test has time for.
			for n := 1 + rnd.IntN(min(1024, 1_000_000/members)); len(env.Items) < n && content < 512<<10; {
				piece := fill[rnd.IntN(len(fill))]
				text := strings.Repeat(piece, 1+rnd.IntN(contracts.DefaultLimits().ContentMax/len(piece)))
				content += len(text)
				seq := uint64(len(env.Items) + 1)
				m := stored(fmt.Sprint("t", seq), seq)
				m.Content = text
				env.Items = append(env.Items, routed(m, handlers.Origin{GatewayID: "gw0", ConnectionID: "c" + fmt.Sprint(seq)}, routes...))
			}
			box := &boundedOutbox{t: t, got: map[int64][]uint64{}, told: map[string]int{}}
			if err := New(box)(done)(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			if len(box.got) != members || box.events != len(env.Items) || len(box.told) != len(env.Items) {
				t.Fatalf("%d of %d members, %d events and %d answers of %d", len(box.got), members, box.events, len(box.told), len(env.Items))
			}
			for u, seqs := range box.got {
				if len(seqs) != len(env.Items) {
					t.Fatalf("user %d is pushed %d of %d messages", u, len(seqs), len(env.Items))
				}
				for i, seq := range seqs {
					if seq != uint64(i+1) {
						t.Fatalf("user %d is pushed message %d at place %d", u, seq, i)
					}
				}
			}
		})
	}
}

// TestFramesAreNotEscapedForHTML: each < would take six bytes.
func TestFramesAreNotEscapedForHTML(t *testing.T) {
	t.Parallel()
	frame := contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(&pb.Message{Content: "<&>"}))
	if !strings.Contains(string(frame), `"<&>"`) || !json.Valid(frame) {
		t.Errorf("frame %s", frame)
	}
}

func (b *boundedOutbox) Publish(_ context.Context, records ...handlers.Record) error {
	b.take(records)
	return nil
}

func done(context.Context, *handlers.Envelope) error { return nil }
