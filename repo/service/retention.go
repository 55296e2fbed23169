package service

import (
	"context"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type retention struct {
	pb.UnimplementedRetentionRepoServer
	*Repo
}

const (
	// expireMost bounds one call; a transaction locks what it changes.
	expireMost = 10_000
	// dueAtOnce bounds the conversations of one call, which are locked together.
	dueAtOnce = 64
)

func expireLimit(n int32) (int, error) {
	if n < 1 || n > expireMost {
		return 0, contracts.Invalid("limit", fmt.Sprintf("1 to %d", expireMost))
	}
	return int(n), nil
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// ExpireMessages implements pb.RetentionRepoServer. Content is removed from the database, then from
// the cache, and only then is the conversation noted as done: after a crash in between, the
// conversation is still due and both steps are repeated.
func (r retention) ExpireMessages(ctx context.Context, in *pb.ExpireMessagesRequest) (*pb.ExpireMessagesResponse, error) {
	limit, err := expireLimit(in.GetLimit())
	if err != nil {
		return nil, err
	}
	keep, now := store.Keep{Single: millis(in.GetSingleMs()), Group: millis(in.GetGroupMs()), World: millis(in.GetWorldMs())}, time.Now()
	due, err := r.store.DueConversations(ctx, keep, dueAtOnce, now)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.ExpireMessagesResponse{More: len(due) == dueAtOnce}
	ids := make([]string, len(due))
	for i, d := range due {
		ids[i] = d.ConversationID
		out.OverdueMs = max(out.GetOverdueMs(), d.Overdue.Milliseconds())
	}
	done, err := r.store.Expire(ctx, ids, keep, limit, now)
	if err != nil {
		return nil, answer(err)
	}
	ids = ids[:0] // conversations that the limit left out stay due
	for _, d := range done {
		ids = append(ids, d.ConversationID)
		out.Messages += int64(d.Messages)
		if d.Messages > 0 {
			out.Conversations++
		}
	}
	out.More = out.GetMore() || out.GetMessages() == int64(limit)
	if err := r.cache.Expire(ctx, done); err != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "The cache does not answer right now; try again.").WithCause(err)
	}
	if err := r.store.Kept(ctx, ids); err != nil {
		return nil, answer(err)
	}
	return out, nil
}

// ForgetRecords implements pb.RetentionRepoServer.
func (r retention) ForgetRecords(ctx context.Context, in *pb.ForgetRecordsRequest) (*pb.ForgetRecordsResponse, error) {
	limit, err := expireLimit(in.GetLimit())
	if err != nil {
		return nil, err
	}
	out := &pb.ForgetRecordsResponse{}
	if at := in.GetPoisonBefore(); at > 0 {
		if out.Poison, err = r.store.ForgetOldPoison(ctx, time.UnixMilli(at), limit); err != nil {
			return nil, answer(err)
		}
		out.More = out.GetPoison() == int64(limit)
	}
	if at := in.GetWebhookAttemptsBefore(); at > 0 {
		if out.WebhookAttempts, err = r.store.ForgetHookErrors(ctx, time.UnixMilli(at)); err != nil {
			return nil, answer(err)
		}
	}
	return out, nil
}
