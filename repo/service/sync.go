package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// Bounds of one answer to Sync. A client whose answer was cut by them asks again, until it has
// everything: each answer brings at least one message that it lacked.
const (
	syncMessages = 5000
	// syncBytes bounds the encoded answer; a single message may exceed it.
	syncBytes = 2 << 20
	// syncWave is how many messages are read at once. A sync of many large messages would
	// otherwise hold them all in memory, although most do not fit into its answer.
	syncWave = 1500
	// syncOverhead is about the encoded size of a conversation without its messages, in bytes.
	syncOverhead = 48
)

// Sync implements pb.ConversationRepoServer. One query reads the memberships. The conversations
// with news follow in waves, newest first: one round trip to the cache for all spans of a wave,
// then a few range reads of the database for the spans that the cache lacks.
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

// unread is a conversation with messages that the client lacks, and the span of them to read. It has
// nothing to do with the unread count.
type unread struct {
	store.News
	span store.Span
}

// readable returns messages of the conversation as the member may read them. Every message of an
// answer has to pass through here: an edit may have the text of a message from before the member joined.
func (n *unread) readable(list []store.Message) []*pb.Message {
	out := protos(list)
	for i, m := range out {
		out[i] = contracts.Readable(m, floor(n.News))
	}
	return out
}

// unseen returns the conversations with messages that the client lacks.
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

// wave returns how many of the conversations to read at once, at least one. It cuts the span that
// goes beyond room, the number of messages that still fit into the answer.
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

// weight is about the encoded size of a message in an answer, in bytes.
func weight(m *pb.Message) int { return proto.Size(m) + 4 }

func (a *syncAnswer) room() bool { return !a.resp.GetMore() && a.messages > 0 && a.bytes > 0 }

// add adds as many of a conversation's messages as fit. The first conversation of an answer gets at
// least one message: otherwise a client with one large message to read would ask for ever.
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
