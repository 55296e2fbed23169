package service

import (
	"context"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type feed struct {
	pb.UnimplementedFeedRepoServer
	*Repo
}

// Bounds of one call.
const (
	takeMax = 1000
	scanMax = 5000
	// noteMax bounds the receiver's last error, in bytes.
	noteMax = 255
)

// BeginHooks implements pb.FeedRepoServer.
func (r feed) BeginHooks(ctx context.Context, in *pb.BeginHooksRequest) (*pb.BeginHooksResponse, error) {
	hooks := make([]store.HookBegin, len(in.GetHooks()))
	for i, h := range in.GetHooks() {
		hooks[i] = store.HookBegin{Hook: h.GetHook(), FromStart: h.GetFromStart()}
	}
	return &pb.BeginHooksResponse{}, answer(r.store.BeginHooks(ctx, hooks))
}

// RaiseNews implements pb.FeedRepoServer.
func (r feed) RaiseNews(ctx context.Context, in *pb.RaiseNewsRequest) (*pb.RaiseNewsResponse, error) {
	news := make(map[string]uint64, len(in.GetNews()))
	for _, n := range in.GetNews() {
		news[n.GetConversationId()] = max(news[n.GetConversationId()], n.GetSeqId())
	}
	return &pb.RaiseNewsResponse{}, answer(r.store.RaiseNews(ctx, in.GetHooks(), news))
}

// ScanNews implements pb.FeedRepoServer.
func (r feed) ScanNews(ctx context.Context, in *pb.ScanNewsRequest) (*pb.ScanNewsResponse, error) {
	if n := in.GetLimit(); n < 1 || n > scanMax {
		return nil, contracts.Invalid("limit", "1 to 5000")
	}
	next, raised, err := r.store.ScanNews(ctx, in.GetHooks(), in.GetAfterConversationId(), int(in.GetLimit()))
	if err != nil {
		return nil, answer(err)
	}
	return &pb.ScanNewsResponse{NextConversationId: next, Raised: int32(raised)}, nil
}

// TakeNews implements pb.FeedRepoServer.
func (r feed) TakeNews(ctx context.Context, in *pb.TakeNewsRequest) (*pb.TakeNewsResponse, error) {
	if n := in.GetLimit(); n < 0 || n > takeMax || len(in.GetSettled()) > takeMax {
		return nil, contracts.Invalid("limit", "0 to 1000, and no more to settle")
	}
	if in.GetLimit() > 0 && in.GetLeaseMs() <= 0 {
		return nil, contracts.Invalid("leaseMs", "more than 0")
	}
	take := store.Take{Hook: in.GetHook(), Limit: int(in.GetLimit()), Lease: time.Duration(in.GetLeaseMs()) * time.Millisecond}
	for _, s := range in.GetSettled() {
		take.Settled = append(take.Settled, store.Settled{
			ConversationID: s.GetConversationId(), Claim: s.GetClaim(), Seq: s.GetSeqId(), Tries: int(s.GetTries()),
			RetryIn: time.Duration(s.GetRetryInMs()) * time.Millisecond,
		})
	}
	if in.GetNote() != nil {
		text := in.GetNote().GetError()
		if len(text) > noteMax {
			return nil, contracts.Invalid("note", "at most 255 bytes")
		}
		take.Note = &text
	}
	taken, err := r.store.TakeNews(ctx, take)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.TakeNewsResponse{Lost: int32(taken.Lost), Taken: make([]*pb.NewsTaken, len(taken.Claims))}
	for i, c := range taken.Claims {
		out.Taken[i] = &pb.NewsTaken{
			ConversationId: c.ConversationID, Claim: c.Claim, SeqId: c.Seq, NewsSeqId: c.News, Tries: int32(c.Tries), Replays: c.Replays,
		}
	}
	return out, nil
}

// HurryHook implements pb.FeedRepoServer.
func (r feed) HurryHook(ctx context.Context, in *pb.HurryHookRequest) (*pb.HurryHookResponse, error) {
	return &pb.HurryHookResponse{}, answer(r.store.HurryHook(ctx, in.GetHook()))
}

// HookStats implements pb.FeedRepoServer.
func (r feed) HookStats(ctx context.Context, _ *pb.HookStatsRequest) (*pb.HookStatsResponse, error) {
	list, err := r.store.HookStats(ctx)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.HookStatsResponse{Hooks: make([]*pb.HookStat, len(list))}
	for i, h := range list {
		out.Hooks[i] = &pb.HookStat{
			Hook: h.Hook, BegunAt: h.BegunAt, Conversations: h.Conversations, Messages: h.Messages, WaitingSince: h.WaitingSince,
			Error: h.Error, ErrorAt: h.ErrorAt, TakenAt: h.TakenAt,
		}
	}
	return out, nil
}
