package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type fakeOutbox struct {
	records []handlers.Record
	err     error
}

func (f *fakeOutbox) Publish(_ context.Context, r ...handlers.Record) error {
	f.records = append(f.records, r...)
	return f.err
}

func upstream(temp string) *pb.Upstream {
	return &pb.Upstream{SenderId: 1, ConversationId: "c", TempMessageId: temp, Content: "hi", MessageType: "text"}
}

func stored(temp string, seq uint64) *pb.Message {
	return &pb.Message{MessageId: int64(seq) + 100, ConversationId: "c", SeqId: seq, SenderId: 1, Content: "hi", MessageType: "text", TempMessageId: temp}
}

// routed is the item of a stored message with its routes.
func routed(m *pb.Message, from handlers.Origin, routes ...handlers.Route) *handlers.Item {
	it := &handlers.Item{Upstream: upstream(m.GetTempMessageId()), Origin: from}
	if err := errors.Join(it.Find(m), it.Route(routes)); err != nil {
		panic(err)
	}
	return it
}

func TestOneRecordPerGatewayInOrder(t *testing.T) {
	origin := handlers.Origin{GatewayID: "a", ConnectionID: "a-1"}
	rejected := &handlers.Item{Upstream: upstream("t2"), Origin: origin}
	if err := rejected.Reject(contracts.NewError(contracts.CodeNotFound, "no")); err != nil {
		t.Fatal(err)
	}
	env := &handlers.Envelope{Items: []*handlers.Item{
		routed(stored("t1", 1), origin, handlers.Route{GatewayID: "a", Users: []int64{1}}, handlers.Route{GatewayID: "b", Users: []int64{2}}),
		rejected,
		routed(stored("t3", 2), origin, handlers.Route{GatewayID: "b", Everyone: true}),
	}}
	box := &fakeOutbox{}
	if err := New(box)(func(context.Context, *handlers.Envelope) error { return nil })(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	byTopic := map[string][]handlers.Record{}
	for _, r := range box.records {
		byTopic[r.Topic] = append(byTopic[r.Topic], r)
	}
	if n := len(byTopic[contracts.TopicStored]); n != 2 {
		t.Errorf("%d stored events, want 2", n)
	}
	if len(box.records) != 4 {
		t.Errorf("%d records, want 2 stored events and 2 gateways", len(box.records))
	}
	for gw, want := range map[string][]string{
		"a": {"message-stored", "new-message", "message-rejected", "message-stored"},
		"b": {"new-message", "new-message"},
	} {
		down := byTopic[contracts.TopicDownstream(gw)][0].Message.(*pb.Downstream)
		var got []string
		for _, d := range down.GetDeliveries() {
			var f contracts.Frame
			if err := json.Unmarshal(d.GetFrame(), &f); err != nil {
				t.Fatal(err)
			}
			got = append(got, f.Type)
			class := pb.Delivery_CLASS_CONTROL
			if f.Type == contracts.FrameNew {
				class = pb.Delivery_CLASS_PUSH
			}
			if d.GetFrameType() != f.Type || d.GetClass() != class {
				t.Errorf("a %s frame goes as %q of %v, want %v", f.Type, d.GetFrameType(), d.GetClass(), class)
			}
			if f.Type == contracts.FrameNew && d.GetExceptConnectionId() != "a-1" {
				t.Error("the sending socket would get its own message")
			}
			if f.Type != contracts.FrameNew && d.GetOnlyConnectionId() != "a-1" {
				t.Errorf("%s goes to more than the sending socket", f.Type)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("gateway %s gets %v, want %v", gw, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("gateway %s gets %v, want %v", gw, got, want)
			}
		}
	}
}

func TestLargeGroupBecomesATask(t *testing.T) {
	it := &handlers.Item{Upstream: upstream("t"), Membership: &pb.Membership{GroupId: 8}}
	if err := errors.Join(it.Find(stored("t", 1)), it.FanOut()); err != nil {
		t.Fatal(err)
	}
	env := &handlers.Envelope{Items: []*handlers.Item{it}}
	box := &fakeOutbox{}
	if err := Send(t.Context(), box, env); err != nil {
		t.Fatal(err)
	}
	var task *pb.FanoutTask
	for _, r := range box.records {
		if r.Topic == contracts.TopicFanout {
			task = r.Message.(*pb.FanoutTask)
		}
	}
	if task.GetGroupId() != 8 || task.GetMessage().GetSeqId() != 1 {
		t.Errorf("task %v", task)
	}
}

func TestFailures(t *testing.T) {
	away := errors.New("away")
	env := &handlers.Envelope{Items: []*handlers.Item{routed(stored("t", 1), handlers.Origin{})}}
	if err := New(&fakeOutbox{err: away})(nil)(t.Context(), env); !errors.Is(err, away) {
		t.Errorf("error %v, want the outbox's", err)
	}
	open, undecided := &handlers.Item{Upstream: upstream("t")}, &handlers.Item{Upstream: upstream("t")}
	if err := undecided.Find(stored("t", 1)); err != nil {
		t.Fatal(err)
	}
	for name, it := range map[string]*handlers.Item{
		"neither stored nor rejected": open, "stored, and nobody decided who gets it": undecided, "a filler of which nobody did": handlers.NewFiller(stored("t", 1), nil),
	} {
		if err := Send(t.Context(), &fakeOutbox{}, &handlers.Envelope{Items: []*handlers.Item{it}}); err == nil {
			t.Errorf("an item was delivered that is %s", name)
		}
	}
}

type noOutbox struct{}

func (noOutbox) Publish(context.Context, ...handlers.Record) error { return nil }

func BenchmarkSend(b *testing.B) {
	env := &handlers.Envelope{}
	for i := range 64 {
		env.Items = append(env.Items, routed(stored("t", uint64(i+1)), handlers.Origin{GatewayID: "a", ConnectionID: "a-1"},
			handlers.Route{GatewayID: "a", Users: []int64{1, 2}}))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Send(b.Context(), noOutbox{}, env); err != nil {
			b.Fatal(err)
		}
	}
}
