package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

var states = []State{StateOpen, StateRejected, StateStored, StateFiller, StatePushed, StateRouted, StateFannedOut}

// TestMoves tries each method in each state: it comes to the state that is written here, or is an
// error that names the message and both states, and changes nothing.
func TestMoves(t *testing.T) {
	t.Parallel()
	message, reason, routes := &pb.Message{MessageId: 7}, contracts.NewError(contracts.CodeNotFound, ""), []Route{{GatewayID: "a"}}
	for name, method := range map[string]struct {
		move func(*Item) error
		from []State
		to   State
		want Item
	}{
		"Store":      {func(it *Item) error { return it.Store(message) }, []State{StateOpen}, StateStored, Item{message: message, fresh: true}},
		"Find":       {func(it *Item) error { return it.Find(message) }, []State{StateOpen}, StateStored, Item{message: message}},
		"Reject":     {func(it *Item) error { return it.Reject(reason) }, []State{StateOpen}, StateRejected, Item{reason: reason}},
		"MarkPushed": {(*Item).MarkPushed, []State{StateStored}, StatePushed, Item{}},
		"Route":      {func(it *Item) error { return it.Route(routes) }, []State{StateStored, StateFiller}, StateRouted, Item{routes: routes}},
		"FanOut":     {(*Item).FanOut, []State{StateStored, StateFiller}, StateFannedOut, Item{}},
	} {
		for _, from := range states {
			t.Run(fmt.Sprintf("%s of what is %v", name, from), func(t *testing.T) {
				t.Parallel()
				it := &Item{Upstream: &pb.Upstream{SenderId: 5, TempMessageId: "t1"}, state: from}
				err := method.move(it)
				if slices.Contains(method.from, from) {
					if err != nil || it.State() != method.to {
						t.Fatalf("it is %v, error %v, want %v", it.State(), err, method.to)
					}
					same(t, it, &method.want)
					return
				}
				if err == nil || it.State() != from {
					t.Fatalf("it became %v, error %v; from %v to %v is no move", it.State(), err, from, method.to)
				}
				for _, word := range []string{`"t1"`, "user 5", from.String(), method.to.String()} {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("error %q does not say %s", err, word)
					}
				}
				same(t, it, &Item{})
			})
		}
	}
}

// same compares what a move sets beside the state.
func same(t *testing.T, got, want *Item) {
	t.Helper()
	if got.Message() != want.message || got.Reason() != want.reason || got.Fresh() != want.fresh ||
		got.Filler() != want.filler || len(got.Routes()) != len(want.routes) {
		t.Errorf("message %v, reason %v, fresh %v, filler %v, routes %v, want %+v",
			got.Message(), got.Reason(), got.Fresh(), got.Filler(), got.Routes(), want)
	}
}

// TestMovesNeedWhatTheySet: a stored item without its message, and a rejected one without a reason, would have
// nothing to tell the sender.
func TestMovesNeedWhatTheySet(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(*Item) error{
		"Store":  func(it *Item) error { return it.Store(nil) },
		"Find":   func(it *Item) error { return it.Find(nil) },
		"Reject": func(it *Item) error { return it.Reject(nil) },
	} {
		it := &Item{Upstream: &pb.Upstream{TempMessageId: "t1"}}
		if err := move(it); err == nil || it.State() != StateOpen || it.Fresh() {
			t.Errorf("%s of nothing: error %v, and it is %v", name, err, it.State())
		}
	}
}

// TestEveryStateHasItsRow: whoever adds a state writes down its name and its moves.
func TestEveryStateHasItsRow(t *testing.T) {
	t.Parallel()
	for what, rows := range map[string]int{"moves": len(moves), "names": len(stateNames)} {
		if rows != len(states) {
			t.Fatalf("%d rows of %s for %d states", rows, what, len(states))
		}
	}
	for from, row := range moves {
		if moves[from] == nil || stateNames[from] == "" {
			t.Errorf("state %d has no row or no name", from)
		}
		for _, to := range row {
			if to == StateOpen || to == StateFiller {
				t.Errorf("an item comes back to %v, where items begin", to)
			}
		}
	}
}

func TestFiller(t *testing.T) {
	t.Parallel()
	m, in := &pb.Message{SenderId: 5, ConversationId: "c", TempMessageId: "t1"}, &pb.Membership{GroupId: 8}
	it := NewFiller(m, in)
	if it.State() != StateFiller || !it.Filler() || it.Fresh() || it.Message() != m || it.Membership != in {
		t.Errorf("filler %+v", it)
	}
	if key := it.Key(); key.GetSenderId() != 5 || key.GetConversationId() != "c" || key.GetTempMessageId() != "t1" {
		t.Errorf("key %v", key)
	}
	if err := it.FanOut(); err != nil || !it.Filler() {
		t.Errorf("error %v; it is no filler any longer: %v", err, !it.Filler())
	}
}

func TestOpenItemsInOrder(t *testing.T) {
	t.Parallel()
	env := &Envelope{}
	for _, s := range append(slices.Clone(states), StateOpen) {
		env.Items = append(env.Items, &Item{state: s})
	}
	if open := env.Open(); len(open) != 2 || open[0] != env.Items[0] || open[1] != env.Items[len(env.Items)-1] {
		t.Errorf("open %v", open)
	}
}
