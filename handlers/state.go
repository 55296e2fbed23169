package handlers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// State says how far an item has come. An item is in one state at a time, moves only by the
// methods below, and never back: a run that is tried again is decoded into new items. A move that
// is not in the table is an error, which the stage returns: going on would mean to guess whether the
// recipients have the message, and a wrong guess loses the push. Besides the stages in the table, the
// routers package moves the item of a message that is given up.
//
//	from     method          to         decided by
//	Open     Store, Find     Stored     dedup, authorize, persist
//	Open     Reject          Rejected   authorize, persist
//	Stored   MarkPushed      Pushed     inorder
//	Stored   Route           Routed     recipients
//	Stored   FanOut          FannedOut  recipients
//	Filler   Route           Routed     recipients
//	Filler   FanOut          FannedOut  recipients
//
// Rejected, Pushed, Routed and FannedOut are ends: deliver acts on them, and takes nothing else.
type State int

const (
	// StateOpen is where an item begins: its message has to be stored or rejected.
	StateOpen State = iota
	// StateRejected says that the message will never be stored, and its sender is told why.
	StateRejected
	// StateStored says that the message is in the database, and that its recipients are still to be decided.
	StateStored
	// StateFiller is where an item of [NewFiller] begins: its message was stored by another way than the
	// pipeline, and only its push is left to do here.
	StateFiller
	// StatePushed says that the message was pushed before: deliver only answers its sender and publishes its
	// stored event once more.
	StatePushed
	// StateRouted says that the gateways of the push are decided; there may be none.
	StateRouted
	// StateFannedOut says that the push is left to the fanout role.
	StateFannedOut
)

// moves lists, for each state, the states that may follow it.
var moves = [...][]State{
	StateOpen:      {StateStored, StateRejected},
	StateRejected:  {},
	StateStored:    {StatePushed, StateRouted, StateFannedOut},
	StateFiller:    {StateRouted, StateFannedOut},
	StatePushed:    {},
	StateRouted:    {},
	StateFannedOut: {},
}

var stateNames = [...]string{
	StateOpen: "open", StateRejected: "rejected", StateStored: "stored", StateFiller: "filler", StatePushed: "pushed",
	StateRouted: "routed", StateFannedOut: "fanned out",
}

// String returns the state's name, for errors.
func (s State) String() string { return stateNames[s] }

// NewFiller returns the item of a message that was stored by another way than the pipeline, and that is pushed
// here so that recipients get the messages of their group in the order of their numbers.
func NewFiller(m *pb.Message, in *pb.Membership) *Item {
	return &Item{
		Upstream: &pb.Upstream{
			SenderId: m.GetSenderId(), ConversationId: m.GetConversationId(), TempMessageId: m.GetTempMessageId(),
		},
		Membership: in, state: StateFiller, message: m, filler: true,
	}
}

// Store moves an open item to stored: its message was stored in this pass.
func (it *Item) Store(m *pb.Message) error {
	if err := it.Find(m); err != nil {
		return err
	}
	it.fresh = true
	return nil
}

// Find moves an open item to stored: its message was stored before this pass.
func (it *Item) Find(m *pb.Message) error {
	if m == nil {
		return it.wrong(errors.New("the store names no message"))
	}
	if err := it.move(StateStored); err != nil {
		return err
	}
	it.message = m
	return nil
}

// Reject moves an open item to rejected.
func (it *Item) Reject(reason *contracts.Error) error {
	if reason == nil {
		return it.wrong(errors.New("it is rejected without a reason"))
	}
	if err := it.move(StateRejected); err != nil {
		return err
	}
	it.reason = reason
	return nil
}

// MarkPushed moves a stored item to pushed.
func (it *Item) MarkPushed() error { return it.move(StatePushed) }

// Route moves a stored item or a filler to routed. Without routes nobody gets a push.
func (it *Item) Route(routes []Route) error {
	if err := it.move(StateRouted); err != nil {
		return err
	}
	it.routes = routes
	return nil
}

// FanOut moves a stored item or a filler to fanned out.
func (it *Item) FanOut() error { return it.move(StateFannedOut) }

func (it *Item) move(to State) error {
	if !slices.Contains(moves[it.state], to) {
		return it.wrong(fmt.Errorf("it is %v and cannot become %v", it.state, to))
	}
	it.state = to
	return nil
}

func (it *Item) wrong(err error) error {
	return fmt.Errorf("message %q of user %d: %w", it.Upstream.GetTempMessageId(), it.Upstream.GetSenderId(), err)
}
