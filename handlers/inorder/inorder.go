// Package inorder is the pipeline stage that pushes the messages of a group in the order of
// their numbers, also those that were not stored by the pipeline: a change of a group's members
// makes a message in its own transaction, which is announced to the pipeline a moment later.
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
	// fresh is how long what this worker pushed last is believed to be the last that was: after a
	// pause another worker may have had the group's lane.
	fresh = 10 * time.Second
	// most is how many messages a gap has. In a larger one somebody else was at work.
	most = 64
	// young is up to which number a group that this worker does not know is taken for new: what
	// is before is pushed as well, which costs little when others have pushed it.
	young = 8
)

// pushed is what this worker has pushed to a group's members, without a hole: from first to top.
// What is before it, others may have pushed, or nobody.
type pushed struct {
	first, top uint64
	at         time.Time
}

// has reports whether a number was pushed.
func (p pushed) has(seq uint64) bool { return p.first <= seq && seq <= p.top }

// with returns the range with one more number, which is pushed now. One that is not beside the
// range begins another when it is newer, and is not remembered when it is older.
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

// New returns the stage. It comes after persist; a conversation is handled by one goroutine at a
// time. permanent says of an error that trying again is useless.
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
			defer func() { env.Items = before }() // a retry begins with what came
			alone := len(all) == len(before)
			if !alone {
				// Copies, so that an attempt that fails leaves what came in the states in which it came.
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

// attempt goes on with messages that were filled in. alone: what came is to go on without them,
// since one of them may be what can never be pushed, for which nobody else is to blame: it fails
// by itself when it comes by itself, and clients see the gap and pull.
func (s *stage) attempt(ctx context.Context, next handlers.Handler, env *handlers.Envelope) (err error, alone bool) { //nolint:revive // alone explains the error
	defer func() {
		if recover() != nil { // what came panics once more when it is at fault itself
			alone = true
		}
	}()
	err = next(ctx, env)
	return err, err != nil && s.permanent(err)
}

// ranges is what the members of each group have when nothing was filled in.
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

// arrange returns the items with what is missing between them, and what each group's members have
// then.
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
		if !known && seq <= young {
			have, known = pushed{first: 1}, true
		}
		switch {
		case !known:
			have = pushed{first: seq, top: seq}
		case have.has(seq):
			if err := it.MarkPushed(); err != nil {
				return nil, nil, err
			}
		case seq > have.top+1 && seq-have.top-1 <= most:
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
	return p, ok && time.Since(p.at) <= fresh
}

// fill makes items of the messages between two numbers.
func (s *stage) fill(ctx context.Context, it *handlers.Item, top, seq uint64) ([]*handlers.Item, error) {
	conv := it.Message().GetConversationId()
	page, err := s.messages.History(ctx, &pb.HistoryRequest{
		ConversationId: conv, AfterSeq: top, HasAfter: true, BeforeSeq: seq, Limit: most,
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
