package client

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// conn notes what is called.
type conn struct {
	grpc.ClientConnInterface
	method string
	in     any
	fail   error
}

func (c *conn) Invoke(_ context.Context, method string, in, _ any, _ ...grpc.CallOption) error {
	c.method, c.in = method, in
	return c.fail
}

// TestEachMethodMakesItsCall of its service with the message as it is, and says what the call says.
func TestEachMethodMakesItsCall(t *testing.T) {
	c := &conn{}
	calls := 0
	for service, client := range map[string]any{
		"MessageRepo": NewMessages(c), "ConversationRepo": NewConversations(c), "GroupRepo": NewGroups(c), "SessionRepo": NewSessions(c),
		"UserRepo": NewUsers(c), "DeviceRepo": NewDevices(c), "ReceiptRepo": NewReceipts(c), "PresenceRepo": NewPresence(c), "LimitRepo": NewLimits(c),
		"FeedRepo": NewFeed(c), "SearchRepo": NewSearch(c), "RetentionRepo": NewRetention(c),
	} {
		of := reflect.ValueOf(client)
		for i := range of.NumMethod() {
			name, method := of.Type().Method(i).Name, of.Method(i)
			in := reflect.New(method.Type().In(1).Elem())
			for _, fail := range []error{nil, errors.New("away")} {
				c.fail = fail
				out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
				if !strings.HasSuffix(c.method, "."+service+"/"+name) || c.in != in.Interface() {
					t.Errorf("%s of %s calls %s with %v", name, service, c.method, c.in)
				}
				if err, _ := out[1].Interface().(error); !errors.Is(err, fail) || out[0].IsNil() != (fail != nil) {
					t.Errorf("%s of %s answers %v and %v, want the error %v", name, service, out[0], err, fail)
				}
			}
			calls++
		}
	}
	if calls == 0 {
		t.Error("no method was found")
	}
}

// TestACallAllocatesNothingMore than the generated client's own.
func TestACallAllocatesNothingMore(t *testing.T) {
	c, in := &conn{}, &pb.HistoryRequest{ConversationId: "world"}
	generated := pb.NewMessageRepoClient(c)
	var plain interface {
		History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error)
	} = NewMessages(c)
	ctx := t.Context()
	before := testing.AllocsPerRun(100, func() { _, _ = generated.History(ctx, in) })
	if now := testing.AllocsPerRun(100, func() { _, _ = plain.History(ctx, in) }); now > before {
		t.Errorf("%v allocations a call, the generated client makes %v", now, before)
	}
}
