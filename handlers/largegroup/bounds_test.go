package largegroup

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/roster"
)

// queueWorld refuses what a queue would refuse, and sees that everyone is pushed every number.
type queueWorld struct {
	*fakeWorld
	t    *testing.T
	last map[int64]uint64
}

// The queue's limits, and what the embedded one counts for a record beside its bytes.
const (
	queueRecord   = 1 << 20
	queueCall     = 8 << 20
	queueOverhead = 600
)

func (q *queueWorld) Publish(ctx context.Context, records ...handlers.Record) error {
	q.t.Helper()
	total := 0
	var tasks []handlers.Record
	for _, r := range records {
		if proto.Size(r.Message) > queueRecord-1024 {
			q.t.Fatalf("a record of %d bytes for %s", proto.Size(r.Message), r.Topic)
		}
		total += proto.Size(r.Message) + queueOverhead
		if r.Topic == contracts.TopicFanout {
			tasks = append(tasks, r)
			continue
		}
		for _, d := range r.Message.(*pb.Downstream).GetDeliveries() {
			for _, u := range d.GetUserIds() {
				if q.last[u]++; d.GetSeqId() != q.last[u] {
					q.t.Fatalf("user %d is pushed message %d at place %d", u, d.GetSeqId(), q.last[u])
				}
			}
		}
	}
	if total > queueCall {
		q.t.Fatalf("a call of %d bytes in %d records", total, len(records))
	}
	return q.fakeWorld.Publish(ctx, tasks...)
}

// Locate says that everyone is online, with ids as long as they get.
func (q *queueWorld) Locate(_ context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	return &pb.LocateResponse{Gateways: []*pb.GatewayUsers{{GatewayId: "a", UserIds: in.GetUserIds()}}}, nil
}

const firstID = 1 << 62

func (q *queueWorld) ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	after := max(in.GetAfterUserId()-firstID, 0)
	out, err := q.fakeWorld.ListMemberIDs(ctx, &pb.ListMemberIDsRequest{GroupId: in.GetGroupId(), AfterUserId: after, Limit: in.GetLimit()})
	for i := range out.GetUserIds() {
		out.UserIds[i] += firstID
	}
	return out, err
}

// TestWhateverIsQueuedFits: as many tasks as a run holds, of whatever content, for whatever group.
func TestWhateverIsQueuedFits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members int64
		tasks   int
		content string
	}{
		"many small tasks, all online":        {4_000, 700, "x"},
		"a few tasks, a very large group":     {200_000, 5, "x"},
		"long ones that are longer as JSON":   {600, 60, strings.Repeat("\x01", contracts.DefaultLimits().ContentMax)},
		"as many as there can be in one run":  {600, 1024, strings.Repeat("<", 400)},
		"one, longer than a record should be": {9_000, 2, strings.Repeat("\x01", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &queueWorld{fakeWorld: newWorld(c.members), t: t, last: map[int64]uint64{}}
			h := New(roster.New(q), q, q, noHints{})
			tasks := make([]*pb.FanoutTask, c.tasks)
			for i := range tasks {
				tasks[i] = message(uint64(i + 1))
				tasks[i].Message.Content = c.content
			}
			if err := h.Handle(t.Context(), tasks); err != nil {
				t.Fatal(err)
			}
			for key, shard := range q.tasks {
				if err := h.Handle(t.Context(), shard); err != nil {
					t.Fatalf("shard %s: %v", key, err)
				}
			}
			if len(q.last) != int(c.members) {
				t.Fatalf("%d of %d members", len(q.last), c.members)
			}
			for u, n := range q.last {
				if n != uint64(c.tasks) {
					t.Fatalf("member %d is pushed %d of %d messages", u, n, c.tasks)
				}
			}
		})
	}
}

// noHints takes hints where none are expected to matter.
type noHints struct{}

func (noHints) Hint(string, uint64, []int64, []string) {}
