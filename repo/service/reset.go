package service

import (
	"context"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// ahead separates the conversations that the client has to take anew (resets) from the rest. The
// client has to when it names a number above the conversation's last one, or, with anew (the client
// knows another epoch), when it names the conversation at all. The span of a reset is up to
// limit of the conversation's last messages.
func ahead(all []store.News, have map[string]uint64, limit uint64, anew bool) (resets []unread, rest []store.News) {
	for _, n := range all {
		has, named := have[n.ConversationID]
		if !named || !anew && has <= n.LastSeq {
			rest = append(rest, n)
			continue
		}
		from := floor(n)
		if n.LastSeq > limit {
			from = max(from, n.LastSeq-limit)
		}
		resets = append(resets, unread{News: n, span: store.Span{
			ConversationID: n.ConversationID, From: min(from, n.LastSeq), To: n.LastSeq, Changed: n.Changed, Expired: n.Expired,
		}})
	}
	return resets, rest
}

// floor returns the number at and below which the member may read nothing: the join floor in a
// group, and 0 in world and in single chats, which are readable from the start.
func floor(n store.News) uint64 {
	if n.Type == store.Group {
		return n.JoinSeq
	}
	return 0
}

// resets adds all conversations that the client has to take anew to the answer. None may be left
// for the next answer: from the next request nobody could tell which ones the client has taken anew
// already. Once the answer is full, the rest of them are added without messages.
func (r conversations) resets(ctx context.Context, list []unread, out *syncAnswer) error {
	for len(list) > 0 {
		var spans []store.Span
		n, size := 0, uint64(0)
		for n < len(list) && (n == 0 || size < syncWave) {
			if s := list[n].span; out.room() && s.From < s.To {
				spans = append(spans, s)
				size += s.To - s.From
			}
			n++
		}
		lists, err := r.spans(ctx, spans)
		if err != nil {
			return err
		}
		for i := range list[:n] {
			var messages []store.Message
			if len(lists) > 0 && spans[0].ConversationID == list[i].ConversationID {
				messages, lists, spans = lists[0], lists[1:], spans[1:]
			}
			out.reset(&list[i], messages)
		}
		list = list[n:]
	}
	return nil
}

// reset adds a conversation with as many of its last messages as fit.
func (a *syncAnswer) reset(n *unread, list []store.Message) {
	c := &pb.SyncConversation{ConversationId: n.ConversationID, LastSeq: n.LastSeq, ReadSeq: n.ReadSeq, Reset_: true}
	a.bytes -= syncOverhead
	all := n.readable(list)
	first := len(all)
	for first > 0 && len(all)-first < a.messages {
		size := weight(all[first-1])
		if a.bytes < size && len(a.resp.GetConversations()) > 0 {
			break
		}
		a.bytes -= size
		first--
	}
	c.Messages = all[first:]
	a.messages -= len(c.GetMessages())
	begin := n.LastSeq + 1
	if len(c.GetMessages()) > 0 {
		begin = c.GetMessages()[0].GetSeqId()
	}
	c.HasMore = begin > floor(n.News)+1
	a.resp.Conversations = append(a.resp.Conversations, c)
}
