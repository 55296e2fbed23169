package inorder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type history struct {
	err   error
	calls int
}

func (h *history) History(_ context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	h.calls++
	out := &pb.HistoryResponse{}
	for seq := in.GetAfterSeq() + 1; seq < in.GetBeforeSeq(); seq++ {
		out.Messages = append(out.Messages, &pb.Message{ConversationId: in.GetConversationId(), SeqId: seq})
	}
	return out, h.err
}

// item returns an item that is stored with the number seq, or rejected when seq is 0.
func item(conv string, typ pb.ConversationType, seq uint64) *handlers.Item {
	it := &handlers.Item{Upstream: &pb.Upstream{ConversationId: conv}, Membership: &pb.Membership{Type: typ}}
	var err error
	if seq > 0 {
		err = it.Find(&pb.Message{ConversationId: conv, SeqId: seq})
	} else {
		err = it.Reject(contracts.NewError(contracts.CodeNotFound, ""))
	}
	if err != nil {
		panic(err)
	}
	return it
}

const (
	group  = pb.ConversationType_CONVERSATION_TYPE_GROUP
	single = pb.ConversationType_CONVERSATION_TYPE_SINGLE
)

// bench is a stage with a view of what comes through.
type bench struct {
	t       *testing.T
	history history
	handle  handlers.Handler
	fail    error
	check   func(*handlers.Item) error // of each item; nil: none fails
	got     []string
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.handle = New(&b.history, func(err error) bool { return err.Error() == "it can never be pushed" })(func(_ context.Context, env *handlers.Envelope) error {
		b.got = nil
		for _, it := range env.Items {
			word := fmt.Sprint(it.Message().GetSeqId())
			if it.Filler() {
				word = "+" + word
			}
			if it.State() == handlers.StatePushed {
				word = "(" + word + ")"
			}
			b.got = append(b.got, word)
			if b.check != nil {
				if err := b.check(it); err != nil {
					return err
				}
			}
			switch it.State() { // as recipients does
			case handlers.StateRouted:
				return errors.New("it comes with what an attempt that failed decided of it")
			case handlers.StateStored, handlers.StateFiller:
				if err := it.Route(nil); err != nil {
					return err
				}
			}
		}
		return b.fail
	})
	return b
}

func (b *bench) run(want []string, items ...*handlers.Item) {
	b.t.Helper()
	env := &handlers.Envelope{Items: items}
	if err := b.handle(b.t.Context(), env); !errors.Is(err, b.fail) {
		b.t.Fatal(err)
	}
	if !slices.Equal(b.got, want) {
		b.t.Errorf("got %v, want %v", b.got, want)
	}
	if len(env.Items) != len(items) {
		b.t.Error("the envelope is not as it was")
	}
}

func TestOrder(t *testing.T) {
	b := newBench(t)
	b.run([]string{"+1", "+2", "3"}, item("group_3", group, 3)) // a new one, whose members came first
	g := func(seq uint64) *handlers.Item { return item("group_1", group, seq) }
	b.run([]string{"25"}, g(25))                                                      // what was pushed before is not known
	b.run([]string{"26", "27"}, g(26), g(27))                                         // in order
	b.run([]string{"+28", "29", "+30", "+31", "32"}, g(29), g(32))                    // members changed in between
	b.run([]string{"(30)", "33"}, g(30), g(33))                                       // the changes' announcements come now
	b.run([]string{"(33)", "34"}, g(33), g(34))                                       // a send that was sent again
	b.run([]string{"500"}, g(500))                                                    // another worker has pushed the numbers between
	b.run([]string{"3", "9"}, item("single", single, 3), item("single", single, 9))   // a single chat has no gaps to fill
	b.run([]string{"17", "0"}, item("group_2", group, 17), item("group_1", group, 0)) // rejected
	b.fail = errors.New("away")
	b.run([]string{"+501", "502"}, g(502))
	b.fail = nil
	b.run([]string{"+501", "502"}, g(502)) // the failed attempt counts for nothing
	b.history.err = errors.New("away")
	env := &handlers.Envelope{Items: []*handlers.Item{g(504)}}
	if err := b.handle(t.Context(), env); !errors.Is(err, b.history.err) {
		t.Errorf("error %v", err)
	}
}

// TestAFillerIsNobodysFault: a filler that can never be pushed does not fail the messages behind it, which are
// pushed without it; it fails when its own record comes.
func TestAFillerIsNobodysFault(t *testing.T) {
	bad := errors.New("it can never be pushed")
	for name, fail := range map[string]func() error{"an error": func() error { return bad }, "a panic": func() error { panic(bad) }} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			g := func(seq uint64) *handlers.Item { return item("group_1", group, seq) }
			b.run([]string{"25"}, g(25))
			guilty := func(seq uint64) {
				b.check = func(it *handlers.Item) error {
					if it.Message().GetSeqId() == seq {
						return fail()
					}
					return nil
				}
			}
			guilty(26)
			b.run([]string{"3", "27"}, item("single", single, 3), g(27)) // 26 was filled in, and is left out
			b.run([]string{"28"}, g(28))                                 // and is not filled in again
			func() {
				defer func() { _ = recover() }()
				if err := b.handle(t.Context(), &handlers.Envelope{Items: []*handlers.Item{g(26)}}); !errors.Is(err, bad) {
					t.Errorf("error %v: nobody learns what is wrong with it", err)
				}
			}()
			guilty(30)
			func() {
				defer func() { _ = recover() }()
				if err := b.handle(t.Context(), &handlers.Envelope{Items: []*handlers.Item{g(30)}}); !errors.Is(err, bad) {
					t.Errorf("error %v: its own fault is passed over", err)
				}
			}()
		})
	}
}

// TestMemoryFades: after a pause, another worker may have pushed the numbers that seem to be missing, so none
// are filled in.
func TestMemoryFades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run([]string{"25"}, item("group_1", group, 25))
		time.Sleep(memoryTTL + time.Millisecond)
		b.run([]string{"29"}, item("group_1", group, 29))
		if b.history.calls != 0 {
			t.Error("it was read")
		}
	})
}

// TestOnlyWhatWasPushedIsHeldBack: a number below those that this worker has pushed is pushed, since perhaps
// nobody has.
func TestOnlyWhatWasPushedIsHeldBack(t *testing.T) {
	for name, c := range map[string]struct {
		seqs []uint64
		want [][]string
	}{
		"an older one after a newer one":        {[]uint64{12, 11, 11, 12}, [][]string{{"12"}, {"11"}, {"(11)"}, {"(12)"}}},
		"one that is far before":                {[]uint64{40, 11, 11, 40, 41}, [][]string{{"40"}, {"11"}, {"11"}, {"(40)"}, {"41"}}},
		"after a gap that somebody else filled": {[]uint64{20, 200, 150, 20, 200}, [][]string{{"20"}, {"200"}, {"150"}, {"20"}, {"(200)"}}},
		"before a gap that was filled":          {[]uint64{20, 23, 19, 21}, [][]string{{"20"}, {"+21", "+22", "23"}, {"19"}, {"(21)"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, seq := range c.seqs {
				b.run(c.want[i], item("group_1", group, seq))
			}
		})
	}
	t.Run("in a group that was idle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.run([]string{"25"}, item("group_1", group, 25))
			time.Sleep(memoryTTL + time.Millisecond)
			b.run([]string{"27"}, item("group_1", group, 27))
			b.run([]string{"26"}, item("group_1", group, 26))
		})
	})
	t.Run("in one run", func(t *testing.T) {
		newBench(t).run([]string{"12", "11", "(12)"}, item("group_1", group, 12), item("group_1", group, 11), item("group_1", group, 12))
	})
}
