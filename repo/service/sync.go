package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// Bounds of one answer to Sync. Whoever gets an answer that is cut by them asks
// again: with every answer he has more.
const (
	syncMessages = 5000
	// syncBytes is of the answer as it crosses processes; one message may go beyond.
	syncBytes = 2 << 20
	// syncWave is how many messages are read at once: it bounds what a sync of
	// many large messages keeps in memory, most of which its answer has no room for.
	syncWave = 1500
	// syncOverhead is about what a conversation takes without its messages.
	syncOverhead = 48
)

// Sync implements pb.ConversationRepoServer: one query for the memberships, then
// those with news, newest first, in waves: the cache is asked for all spans of a wave
// in one round trip, the database for what it lacks in few range reads.
func (r conversations) Sync(ctx context.Context, in *pb.SyncRequest) (*pb.SyncResponse, error) {
	all, err := r.store.Memberships(ctx, in.GetUserId())
	if err != nil {
		return nil, answer(err)
	}
	epoch, err := r.epoch(ctx)
	if err != nil {
		return nil, answer(err)
	}
	limit := uint64(max(in.GetLimit(), 1))
	out := &syncAnswer{resp: &pb.SyncResponse{Epoch: epoch}, messages: syncMessages, bytes: syncBytes}
	resets, all := ahead(all, in.GetHave(), limit, in.GetEpoch() != "" && in.GetEpoch() != epoch)
	if err := r.resets(ctx, resets, out); err != nil {
		return nil, answer(err)
	}
	news := unseen(all, in.GetHave(), limit)
	for len(news) > 0 && out.room() {
		n := wave(news, uint64(out.messages))
		spans := make([]store.Span, n)
		for i := range spans {
			spans[i] = news[i].span
		}
		lists, err := r.spans(ctx, spans)
		if err != nil {
			return nil, answer(err)
		}
		for i, list := range lists {
			out.add(&news[i], list)
		}
		news = news[n:]
	}
	if len(news) > 0 {
		out.resp.More = true
	}
	return out.resp, nil
}

// unread is a conversation with news, and the part of them that is asked for.
type unread struct {
	store.News
	span store.Span
}

// readable returns messages of the conversation as the member may read them. Whatever goes
// into an answer passes here.
func (n *unread) readable(list []store.Message) []*pb.Message {
	out := protos(list)
	for i, m := range out {
		out[i] = contracts.Readable(m, floor(n.News))
	}
	return out
}

// unseen are the conversations with messages that the client has not.
func unseen(all []store.News, have map[string]uint64, limit uint64) []unread {
	var out []unread
	for _, n := range all {
		from := n.JoinSeq
		if has, named := have[n.ConversationID]; named {
			from = max(has, floor(n))
		}
		if from < n.LastSeq {
			out = append(out, unread{News: n, span: store.Span{
				ConversationID: n.ConversationID, From: from, To: from + min(limit, n.LastSeq-from), Changed: n.Changed, Expired: n.Expired,
			}})
		}
	}
	return out
}

// wave returns how many conversations are read at once, at least one, and cuts the
// last of them where it goes beyond what there is room for in the answer.
func wave(news []unread, room uint64) int {
	size := uint64(0)
	for i := range news {
		s := &news[i].span
		most := room - size
		if i == 0 {
			most = min(most, syncWave)
		}
		s.To = min(s.To, s.From+most)
		if size += s.To - s.From; size > syncWave {
			return i
		}
		if size == room {
			return i + 1
		}
	}
	return len(news)
}

// spans reads spans through the cache.
func (r *Repo) spans(ctx context.Context, spans []store.Span) ([][]store.Message, error) {
	lists := r.cache.HotMany(ctx, spans)
	var ask []store.Span
	var missing []int
	for i, list := range lists {
		if list == nil {
			ask, missing = append(ask, spans[i]), append(missing, i)
		}
	}
	r.metrics.cached(cacheHot, len(spans)-len(ask), len(ask))
	if len(ask) > 0 {
		read, err := r.store.Spans(ctx, ask)
		if err != nil {
			return nil, err
		}
		for j, i := range missing {
			lists[i] = read[j]
		}
	}
	for i := range lists {
		lists[i] = asKept(lists[i], spans[i])
	}
	return lists, nil
}

// syncAnswer fills an answer up to its bounds.
type syncAnswer struct {
	resp            *pb.SyncResponse
	messages, bytes int // for which there is room
}

// weight is about what a message takes of an answer.
func weight(m *pb.Message) int { return proto.Size(m) + 4 }

func (a *syncAnswer) room() bool { return !a.resp.GetMore() && a.messages > 0 && a.bytes > 0 }

// add takes as many of a conversation's messages as fit: at least one of the answer's
// first, so that who asks again has more than before.
func (a *syncAnswer) add(n *unread, list []store.Message) {
	if len(list) == 0 || a.resp.GetMore() {
		return
	}
	c := &pb.SyncConversation{ConversationId: n.ConversationID, LastSeq: n.LastSeq, ReadSeq: n.ReadSeq, Messages: n.readable(list)}
	a.bytes -= syncOverhead
	for i, m := range c.GetMessages() {
		a.bytes -= weight(m)
		if a.bytes < 0 && (i > 0 || len(a.resp.GetConversations()) > 0) {
			c.Messages, a.resp.More = c.GetMessages()[:i], true
			break
		}
	}
	if len(c.GetMessages()) == 0 {
		return
	}
	a.messages -= len(c.GetMessages())
	c.HasMore = n.span.From+uint64(len(c.GetMessages())) < n.LastSeq
	a.resp.Conversations = append(a.resp.Conversations, c)
}
