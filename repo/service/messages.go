package service

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

type messages struct {
	pb.UnimplementedMessageRepoServer
	*Repo
}

func clientKeys(in []*pb.ClientKey) []store.ClientKey {
	keys := make([]store.ClientKey, len(in))
	for i, k := range in {
		keys[i] = store.ClientKey{ConversationID: k.GetConversationId(), SenderID: k.GetSenderId(), ClientID: k.GetTempMessageId()}
	}
	return keys
}

// LookupDedup implements pb.MessageRepoServer. A cache that does not answer is a
// miss.
func (r messages) LookupDedup(ctx context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error) {
	keys := clientKeys(in.GetKeys())
	out := &pb.LookupDedupResponse{Stored: make([]*pb.Message, len(keys))}
	found, err := r.cache.Stored(ctx, keys)
	r.logCacheError("look for sends that are stored already", err)
	hits, miss := 0, &pb.Message{}
	for i := range keys {
		out.Stored[i] = miss
		if err == nil && found[i].ID != 0 {
			out.Stored[i] = wire.Proto(&found[i])
			hits++
		}
	}
	r.metrics.cached(cacheDedup, hits, len(keys)-hits)
	return out, nil
}

// AllocateSeq implements pb.MessageRepoServer: it proposes numbers. A send to a conversation
// that does not exist gets 0; the store rejects that send later. When the cache does not answer,
// every send gets 0 and the store alone gives the numbers: an error would only be retried.
func (r messages) AllocateSeq(ctx context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error) {
	keys := clientKeys(in.GetKeys())
	ids, err := r.cache.Allocate(ctx, keys)
	if err != nil {
		return r.unnumbered(keys, err), nil
	}
	missing := map[string]bool{}
	for i, id := range ids {
		if id == 0 {
			missing[keys[i].ConversationID] = true
		}
	}
	if len(missing) > 0 && r.seed(ctx, missing) {
		if ids, err = r.cache.Allocate(ctx, keys); err != nil {
			return r.unnumbered(keys, err), nil
		}
	}
	return &pb.AllocateSeqResponse{SeqIds: ids}, nil
}

// unnumbered answers with 0 for each key, so that the store alone gives the numbers.
func (r messages) unnumbered(keys []store.ClientKey, err error) *pb.AllocateSeqResponse {
	r.logCacheError("give messages their numbers", err)
	return &pb.AllocateSeqResponse{SeqIds: make([]uint64, len(keys))}
}

// seed puts the last numbers of conversations from the database into the cache, and reports
// whether that was done. Concurrent calls for the same conversations share one read.
func (r messages) seed(ctx context.Context, missing map[string]bool) bool {
	convs := make([]string, 0, len(missing))
	for c := range missing {
		convs = append(convs, c)
	}
	slices.Sort(convs)
	_, err := r.once(ctx, "seed "+strings.Join(convs, " "), func(ctx context.Context) (any, error) {
		tips, err := r.store.Tips(ctx, convs)
		if err != nil || len(tips) == 0 {
			return nil, err
		}
		last := make(map[string]uint64, len(tips))
		for conv, tip := range tips {
			last[conv] = tip.Last
		}
		return nil, r.cache.Seed(ctx, last)
	})
	r.logCacheError("seed counters", err)
	return err == nil
}

var outcomes = map[store.Outcome]pb.SaveResult_Outcome{
	store.Stored:    pb.SaveResult_OUTCOME_STORED,
	store.Duplicate: pb.SaveResult_OUTCOME_DUPLICATE,
	store.NotMember: pb.SaveResult_OUTCOME_NOT_MEMBER,
	store.Dissolved: pb.SaveResult_OUTCOME_DISSOLVED,

	store.NoTarget:       pb.SaveResult_OUTCOME_NO_TARGET,
	store.Conflict:       pb.SaveResult_OUTCOME_CONFLICT,
	store.ReactedAlready: pb.SaveResult_OUTCOME_REACTED_ALREADY,
	store.Forbidden:      pb.SaveResult_OUTCOME_FORBIDDEN,
	store.Refused:        pb.SaveResult_OUTCOME_REFUSED,
}

// SaveMessages implements pb.MessageRepoServer.
func (r messages) SaveMessages(ctx context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error) {
	run := make([]store.Message, len(in.GetMessages()))
	for i, m := range in.GetMessages() {
		run[i] = wire.FromProto(m)
	}
	start := time.Now()
	results, err := r.saver.Save(ctx, run)
	r.metrics.saved.Observe(time.Since(start).Seconds())
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.SaveMessagesResponse{Results: make([]*pb.SaveResult, len(results))}
	for i := range results {
		res := &pb.SaveResult{
			Outcome: outcomes[results[i].Outcome], MembersVersion: results[i].MembersVersion, GroupSize: results[i].GroupSize,
		}
		if results[i].Message.ID != 0 {
			res.Message = wire.Proto(&results[i].Message)
		}
		out.Results[i] = res
	}
	return out, nil
}

// History implements pb.MessageRepoServer. Numbers have no holes. So both ends of a page are
// known before it is read, and a count shows whether the cache has all of the page.
func (r messages) History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	conv := in.GetConversationId()
	tips, err := r.store.Tips(ctx, []string{conv})
	if err != nil {
		return nil, answer(err)
	}
	tip, there := tips[conv]
	if !there {
		return nil, answer(store.ErrNotFound)
	}
	span, more := page(in, tip.Last)
	span.Changed, span.Expired = tip.Changed, tip.Expired
	list, err := r.span(ctx, span, tip.Last)
	if err != nil {
		return nil, answer(err)
	}
	return &pb.HistoryResponse{Messages: protos(list), LastSeq: tip.Last, HasMore: more}, nil
}

// page computes the span of a page and whether there is more beyond it.
func page(in *pb.HistoryRequest, last uint64) (s store.Span, more bool) {
	limit := uint64(max(in.GetLimit(), 1))
	low := max(in.GetAfterSeq(), in.GetFloorSeq())
	high := last
	if in.GetBeforeSeq() > 0 {
		high = min(high, in.GetBeforeSeq()-1)
	}
	s = store.Span{ConversationID: in.GetConversationId()}
	switch {
	case high <= low || low > math.MaxInt64:
		return s, false
	case high-low <= limit:
		s.From, s.To = low, high
		return s, false
	case in.GetHasAfter():
		s.From, s.To = low, low+limit
	default:
		s.From, s.To = high-limit, high
	}
	return s, true
}

// span reads one span, from the cache when all of it is there.
func (r *Repo) span(ctx context.Context, s store.Span, last uint64) ([]store.Message, error) {
	if s.To == s.From {
		return nil, nil
	}
	if hot, all := r.cache.Hot(ctx, s); all {
		r.metrics.cached(cacheHot, 1, 0)
		return asKept(hot, s), nil
	}
	if s.From+cache.HotMessages < last {
		r.metrics.old(cacheHot)
	} else {
		r.metrics.cached(cacheHot, 0, 1)
	}
	lists, err := r.store.Spans(ctx, []store.Span{s})
	if err != nil {
		return nil, err
	}
	list := asKept(lists[0], s)
	if s.To == last {
		r.logCacheError("warm a conversation", r.cache.Warm(ctx, s, list))
	}
	return list, nil
}

// asKept removes, in place, the content of those messages of a span that have expired, and returns
// list: the cache or a replica may still have content that is gone from the primary.
func asKept(list []store.Message, s store.Span) []store.Message {
	if s.Expired > 0 {
		for i := range list {
			list[i].Expire(s.Expired)
		}
	}
	return list
}

func protos(list []store.Message) []*pb.Message {
	out := make([]*pb.Message, len(list))
	for i := range list {
		out[i] = wire.Proto(&list[i])
	}
	return out
}

// FindOutcome implements pb.MessageRepoServer.
func (r messages) FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	m, err := r.store.ByClientID(ctx, in.GetSenderId(), in.GetTempMessageId())
	if errors.Is(err, store.ErrNotFound) {
		return &pb.FindOutcomeResponse{}, nil
	}
	if err != nil {
		return nil, answer(err)
	}
	return &pb.FindOutcomeResponse{Stored: true, Message: wire.Proto(&m)}, nil
}
