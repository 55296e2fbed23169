package authorize

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Messages reads stored messages.
type Messages interface {
	History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error)
}

// Config says how long after a message its sender may change it: the time between the gateways' acceptance of
// the message and of the change.
type Config struct {
	EditWindow   time.Duration `mapstructure:"edit_window"`
	RecallWindow time.Duration `mapstructure:"recall_window"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{EditWindow: 15 * time.Minute, RecallWindow: 2 * time.Minute}
}

// Windows holds a configuration that may be replaced while it is used. The zero value and nil stand for the
// defaults. Safe for concurrent use.
type Windows struct{ now atomic.Pointer[Config] }

// NewWindows returns windows of a valid configuration.
func NewWindows(c Config) *Windows {
	w := &Windows{}
	w.Set(c)
	return w
}

// Set replaces the configuration, by a valid one, for all messages from now on.
func (w *Windows) Set(c Config) { w.now.Store(&c) }

// Now returns the configuration in force.
func (w *Windows) Now() Config {
	if w != nil {
		if c := w.now.Load(); c != nil {
			return *c
		}
	}
	return DefaultConfig()
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	if c.EditWindow < 0 || c.RecallWindow < 0 {
		return fmt.Errorf("message: edit_window %v and recall_window %v must not be negative", c.EditWindow, c.RecallWindow)
	}
	return nil
}

// judgeChange returns why a message may not be changed in this way, or nil, and sets AsAdmin for a recall that
// is allowed only to owners and admins. Who sent the earlier message, and when, never changes. What may change
// until the change is stored (a recall, an expiry, the role in the group) the store checks again.
func (c Config) judgeChange(ctx context.Context, messages Messages, it *handlers.Item) (*contracts.Error, error) {
	up, ch := it.Upstream, it.Upstream.GetChange()
	ch.AsAdmin = false
	target, err := find(ctx, messages, it)
	if err != nil {
		return nil, err
	}
	switch {
	case target == nil:
		return contracts.NewError(contracts.CodeNotFound, "There is no such message."), nil
	case target.GetMessageType() == contracts.TypeSystem:
		return contracts.NewError(contracts.CodeConflict, "A system message cannot be changed."), nil
	case target.GetRecalledAt() != 0:
		return contracts.NewError(contracts.CodeConflict, "This message was recalled."), nil
	case target.GetExpired():
		return contracts.NewError(contracts.CodeConflict, "This message has expired: what it said is gone."), nil
	}
	author := target.GetSenderId() == up.GetSenderId()
	age := time.Duration(up.GetAcceptedAt()-target.GetTimestamp()) * time.Millisecond
	switch ch.GetKind() {
	case pb.Change_KIND_REACT, pb.Change_KIND_UNREACT:
		return nil, nil
	case pb.Change_KIND_EDIT:
		return within(author, age, c.EditWindow, "edit"), nil
	case pb.Change_KIND_RECALL:
		why := within(author, age, c.RecallWindow, "recall")
		if role := it.Membership.GetRole(); why != nil && (role == contracts.RoleOwner || role == contracts.RoleAdmin) {
			ch.AsAdmin = true
			return nil, nil
		}
		return why, nil
	}
	return contracts.Invalid("change", "recall, edit, react or unreact"), nil
}

func within(author bool, age, window time.Duration, what string) *contracts.Error {
	switch {
	case !author:
		return contracts.NewError(contracts.CodePermissionDenied, "You can "+what+" your own messages only.")
	case age > window:
		return contracts.NewError(contracts.CodePermissionDenied, fmt.Sprintf("A message can be %sed for %v only.", what, window))
	}
	return nil
}

// find reads the message that is to be changed; nil when there is none that the sender may read.
func find(ctx context.Context, messages Messages, it *handlers.Item) (*pb.Message, error) {
	conv, seq := it.Upstream.GetConversationId(), it.Upstream.GetChange().GetSeqId()
	if seq == 0 {
		return nil, nil
	}
	in := &pb.HistoryRequest{ConversationId: conv, AfterSeq: seq - 1, HasAfter: true, Limit: 1}
	if it.Membership.GetType() == pb.ConversationType_CONVERSATION_TYPE_GROUP {
		in.FloorSeq = it.Membership.GetJoinSeq()
	}
	page, err := messages.History(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read message %d of %s: %w", seq, conv, err)
	}
	if list := page.GetMessages(); len(list) == 1 && list[0].GetSeqId() == seq {
		return list[0], nil
	}
	return nil, nil
}
