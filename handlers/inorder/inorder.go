// Package inorder is the pipeline stage that pushes the messages of a group in the order of their numbers. A
// change of a group's members stores a message in its own transaction, and the pipeline gets that message only
// a moment later. When a message that follows comes first, the stage reads the missing one from the database
// and fills it in.
package inorder

import (
	"context"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Messages reads stored messages.
type Messages interface {
	History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error)
}

const (
	// groups is how many groups are remembered.
	groups = 8192
	// memoryTTL bounds how long this worker trusts its own record of the numbers that it pushed last; after it,
	// another worker may have had the group's lane.
	memoryTTL = 10 * time.Second
	// gapMax bounds the gap that is filled in. In a larger gap another worker has pushed.
	gapMax = 64
	// newGroupMax is the highest number at which a group without a record counts as new: the messages before are
	// pushed as well, which costs little even if another worker has pushed them.
	newGroupMax = 8
)

// pushed is a range of numbers, from first to top without a hole, that this worker has pushed to a group's
// members. Whether a number below first was pushed is not known.
type pushed struct {
	first, top uint64
	at         time.Time
}

// has reports whether a number was pushed.
func (p pushed) has(seq uint64) bool { return p.first <= seq && seq <= p.top }

// with returns the range after one more number is pushed. A number that is not next to the range starts another
// range when it is higher, and is not remembered when it is lower.
func (p pushed) with(seq uint64) pushed {
	switch {
	case seq == p.top+1:
		p.top = seq
	case seq > p.top:
		p.first, p.top = seq, seq
	case seq+1 == p.first:
		p.first = seq
	}
	return p
}

type stage struct {
	messages  Messages
	permanent func(error) bool
	last      *lru.Cache[string, pushed]
}

// New returns the stage, which comes after persist. Runs of one conversation must come one at a time. permanent
// reports whether trying again after an error is useless.
func New(messages Messages, permanent func(error) bool) handlers.Stage {
	s := &stage{messages: messages, permanent: permanent}
	s.last, _ = lru.New[string, pushed](groups) // fails only for sizes below 1
	return func(next handlers.Handler) handlers.Handler {
		return func(ctx context.Context, env *handlers.Envelope) error {
			all, ranges, err := s.arrange(ctx, env.Items)
			if err != nil {
				return err
			}
			before := env.Items
			defer func() { env.Items = before }() // a retry begins with the items that came
			alone := len(all) == len(before)
			if !alone {
				// Copies, so that a failed attempt leaves the items that came in their states.
				env.Items = copies(all)
				if err, alone = s.attempt(ctx, next, env); alone {
					env.Items, ranges = before, s.ranges(before)
				}
			}
			if alone {
				err = next(ctx, env)
			}
			if err != nil {
				return err
			}
			for conv, p := range ranges {
				p.at = time.Now()
				s.last.Add(conv, p)
			}
			return nil
		}
	}
}

// attempt calls next for an envelope with fillers. alone says that next panicked or failed permanently: a
// filler may be the cause, so the messages that came are to go on without fillers. Such a filler fails when its
// own record comes, and clients see the gap and pull.
func (s *stage) attempt(ctx context.Context, next handlers.Handler, env *handlers.Envelope) (err error, alone bool) { //nolint:revive // alone explains the error
	defer func() {
		if recover() != nil { // when the items that came are at fault, they panic again alone
			alone = true
		}
	}()
	err = next(ctx, env)
	return err, err != nil && s.permanent(err)
}

// ranges returns, by group, the numbers that are pushed when nothing is filled in.
func (s *stage) ranges(items []*handlers.Item) map[string]pushed {
	out := map[string]pushed{}
	for _, it := range items {
		if !ofGroup(it) {
			continue
		}
		conv, seq := it.Message().GetConversationId(), it.Message().GetSeqId()
		have, known := out[conv]
		if !known {
			have = pushed{first: seq, top: seq}
		}
		out[conv] = have.with(seq)
	}
	return out
}

// arrange returns the items with fillers for the gaps between them, and by group the range that is pushed then.
func (s *stage) arrange(ctx context.Context, items []*handlers.Item) (all []*handlers.Item, ranges map[string]pushed, err error) {
	all, ranges = make([]*handlers.Item, 0, len(items)), map[string]pushed{}
	for _, it := range items {
		if !ofGroup(it) {
			all = append(all, it)
			continue
		}
		conv, seq := it.Message().GetConversationId(), it.Message().GetSeqId()
		have, known := ranges[conv]
		if !known {
			have, known = s.recall(conv)
		}
		if !known && seq <= newGroupMax {
			have, known = pushed{first: 1}, true
		}
		switch {
		case !known:
			have = pushed{first: seq, top: seq}
		case have.has(seq):
			if err := it.MarkPushed(); err != nil {
				return nil, nil, err
			}
		case seq > have.top+1 && seq-have.top-1 <= gapMax:
			gap, err := s.fill(ctx, it, have.top, seq)
			if err != nil {
				return nil, nil, err
			}
			all, have.top = append(all, gap...), seq
		default:
			have = have.with(seq)
		}
		ranges[conv] = have
		all = append(all, it)
	}
	return all, ranges, nil
}

// ofGroup reports whether an item is to be pushed to a group's members.
func ofGroup(it *handlers.Item) bool {
	return it.State() == handlers.StateStored && it.Membership.GetType() == pb.ConversationType_CONVERSATION_TYPE_GROUP &&
		it.Message().GetConversationId() == it.Upstream.GetConversationId()
}

func copies(items []*handlers.Item) []*handlers.Item {
	all, out := make([]handlers.Item, len(items)), make([]*handlers.Item, len(items))
	for i, it := range items {
		all[i] = *it
		out[i] = &all[i]
	}
	return out
}

func (s *stage) recall(conv string) (pushed, bool) {
	p, ok := s.last.Get(conv)
	return p, ok && time.Since(p.at) <= memoryTTL
}

// fill returns fillers for the messages between two numbers, both excluded.
func (s *stage) fill(ctx context.Context, it *handlers.Item, top, seq uint64) ([]*handlers.Item, error) {
	conv := it.Message().GetConversationId()
	page, err := s.messages.History(ctx, &pb.HistoryRequest{
		ConversationId: conv, AfterSeq: top, HasAfter: true, BeforeSeq: seq, Limit: gapMax,
	})
	if err != nil {
		return nil, fmt.Errorf("read messages %d to %d of %s: %w", top+1, seq-1, conv, err)
	}
	out := make([]*handlers.Item, 0, len(page.GetMessages()))
	for _, m := range page.GetMessages() {
		out = append(out, handlers.NewFiller(m, it.Membership))
	}
	return out, nil
}
