package handlers

import (
	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Envelope is a run of upstream messages, in order, that go through the
// pipeline together. Under light load it holds one; under load it holds what
// queued up in a lane, so that a conversation is not bound to one message per
// round trip. An envelope is handled by one goroutine at a time.
type Envelope struct {
	Items []*Item
}

// Item is one upstream message with what the stages learned about it.
type Item struct {
	Upstream *pb.Upstream
	Origin   Origin

	// Membership is set by authorize.
	Membership *pb.Membership
	// SeqID is the number that sequence proposes; 0 leaves it to the store.
	SeqID uint64

	// The fields below belong to the state: the methods of state.go set them.
	state   State
	message *pb.Message
	reason  *contracts.Error
	routes  []Route
	// fresh and filler say how the message came into the database; later states do not change them.
	fresh, filler bool
}

// Origin is the socket that a message came from, and the trace that it came in.
type Origin struct {
	GatewayID    string
	ConnectionID string
	// TraceParent is the W3C traceparent of the message, when its trace is kept.
	TraceParent string
}

// Route is one gateway that gets a copy, for Users or for everyone on it.
type Route struct {
	GatewayID string
	Users     []int64
	Everyone  bool
	// Bare are users who get an edit without its new text: the edited message is from before they joined.
	Bare []int64
}

// State says how far the item has come.
func (it *Item) State() State { return it.state }

// Message is the message as it is in the database; nil while the item is open, and when it is
// rejected.
func (it *Item) Message() *pb.Message { return it.message }

// Fresh reports whether the message was stored in this pass, and not found to be stored already.
func (it *Item) Fresh() bool { return it.fresh }

// Filler reports whether the item only fills a gap in the order of its group: its message was stored by another
// way than the pipeline. For a filler, deliver publishes no stored event, since the message's announcement
// brings the message through the pipeline as well, and no answer, since no sender waits for one.
func (it *Item) Filler() bool { return it.filler }

// Reason says why the message will never be stored; nil when the item is not rejected.
func (it *Item) Reason() *contracts.Error { return it.reason }

// Routes are the gateways through which the message is pushed; empty unless the item is routed.
func (it *Item) Routes() []Route { return it.routes }

// Key returns the message's idempotency key.
func (it *Item) Key() *pb.ClientKey {
	return &pb.ClientKey{
		ConversationId: it.Upstream.GetConversationId(),
		SenderId:       it.Upstream.GetSenderId(),
		TempMessageId:  it.Upstream.GetTempMessageId(),
	}
}

// Open returns the items that still have to be stored, in order.
func (e *Envelope) Open() []*Item {
	out := make([]*Item, 0, len(e.Items))
	for _, it := range e.Items {
		if it.state == StateOpen {
			out = append(out, it)
		}
	}
	return out
}

// Keys returns the idempotency keys of items.
func Keys(items []*Item) []*pb.ClientKey {
	keys := make([]*pb.ClientKey, len(items))
	for i, it := range items {
		keys[i] = it.Key()
	}
	return keys
}
