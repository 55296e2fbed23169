package authorize

import (
	"context"
	"fmt"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// TestFirstMessagesTogether: the chats of a run are made in one call, or one by one where the directory is of an older
// release. One send that cannot have its chat rejects no other.
func TestFirstMessagesTogether(t *testing.T) {
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprint("older ", older), func(t *testing.T) {
			dir := &fakeDirectory{
				facts: map[string]*pb.Membership{}, users: map[int64]bool{2: true}, older: older,
				stored: map[string]*pb.Message{"t3": {MessageId: 3, ConversationId: "elsewhere"}},
			}
			env := &handlers.Envelope{}
			for i, peer := range []int64{2, 9, 2, 2} {
				env.Items = append(env.Items, &handlers.Item{Upstream: &pb.Upstream{
					SenderId: 1, ReceiverId: peer, ConversationId: "single", TempMessageId: fmt.Sprint("t", i+1),
				}})
			}
			env.Items[1].Upstream.ConversationId = "with nobody"
			next := func(context.Context, *handlers.Envelope) error { return nil }
			if err := New(NewWindows(DefaultConfig()), dir, dir, dir)(next)(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			for i, want := range []handlers.State{handlers.StateOpen, handlers.StateRejected, handlers.StateStored, handlers.StateOpen} {
				if got := env.Items[i].State(); got != want {
					t.Errorf("send %d is %v, want %v", i+1, got, want)
				}
			}
			if reason := env.Items[1].Reason(); reason.Code != contracts.CodeNotFound || reason.Message != "There is no such user." {
				t.Errorf("send 2 is rejected with %v", reason)
			}
			if len(env.Items[3].Membership.GetUserIds()) != 2 {
				t.Errorf("send 4 has no members: %v", env.Items[3].Membership)
			}
			if dir.begun != 1 {
				t.Errorf("%d calls for a run", dir.begun)
			}
		})
	}
}
