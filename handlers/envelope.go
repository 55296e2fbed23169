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
	// Stored is set once the message is known to be in the database.
	Stored *pb.Message
	// Fresh: it was stored in this pass, and not found to be stored already.
	Fresh bool
	// Rejected says why the message will never be stored.
	Rejected *contracts.Error
	// Routes and Fanout are set by recipients.
	Routes []Route
	// Fanout leaves the delivery to the fanout role.
	Fanout bool
	// Pushed: its recipients have it already; only its sender is answered once more.
	Pushed bool
	// Filler: it came into the conversation by another way, and is pushed here so that it is in
	// its place. Whoever stored it tells the rest.
	Filler bool
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
	// Bare gets an edit without the new text, which is of a message from before these users
	// joined.
	Bare []int64
}

// Open reports whether the message still has to be stored.
func (it *Item) Open() bool { return it.Stored == nil && it.Rejected == nil }

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
	return e.filter((*Item).Open)
}

// Stored returns the items that are in the database, in order.
func (e *Envelope) Stored() []*Item {
	return e.filter(func(it *Item) bool { return it.Stored != nil })
}

func (e *Envelope) filter(keep func(*Item) bool) []*Item {
	out := make([]*Item, 0, len(e.Items))
	for _, it := range e.Items {
		if keep(it) {
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
