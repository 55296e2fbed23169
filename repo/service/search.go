package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/search"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

// Bounds of the search.
const (
	// searchesAtOnce bounds the searches that run at the same time in this process, so that
	// connections to the database are left for chatting.
	searchesAtOnce = 2
	// backfillBlocks is how many blocks one call of the backfill makes.
	backfillBlocks = 64
)

type searches struct {
	pb.UnimplementedSearchRepoServer
	*Repo
}

// IndexMessages implements pb.SearchRepoServer.
func (r searches) IndexMessages(ctx context.Context, in *pb.IndexMessagesRequest) (*pb.IndexMessagesResponse, error) {
	messages := make([]store.Message, len(in.GetMessages()))
	for i, m := range in.GetMessages() {
		messages[i] = wire.FromProto(m)
	}
	if err := r.store.Merge(ctx, search.Blocks(messages)); err != nil {
		return nil, answer(err)
	}
	return &pb.IndexMessagesResponse{}, answer(r.forgetExpired(ctx, messages))
}

// indexedLate is how old messages are that may have expired before they came to the index: half of
// the least time for which messages are kept.
const indexedLate = 500 * time.Millisecond

// forgetExpired rebuilds the blocks of those messages that had expired before they were indexed. It
// has to be called after they were indexed: a message that expires later is taken out by Expire.
func (r searches) forgetExpired(ctx context.Context, messages []store.Message) error {
	before := time.Now().Add(-indexedLate).UnixMilli()
	var old []string
	for i := range messages {
		if messages[i].Timestamp < before {
			old = append(old, messages[i].ConversationID)
		}
	}
	if len(old) == 0 {
		return nil
	}
	slices.Sort(old)
	tips, err := r.store.Tips(ctx, slices.Compact(old))
	if err != nil {
		return err
	}
	var keys []store.BlockKey
	for i := range messages {
		if m := &messages[i]; m.Seq > 0 && m.Seq <= tips[m.ConversationID].Expired {
			keys = append(keys, store.BlockOf(m.ConversationID, m.Seq))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return r.store.Rebuild(ctx, keys)
}

// RefreshIndex implements pb.SearchRepoServer.
func (r searches) RefreshIndex(ctx context.Context, in *pb.RefreshIndexRequest) (*pb.RefreshIndexResponse, error) {
	keys := make([]store.BlockKey, 0, len(in.GetMessages()))
	for _, m := range in.GetMessages() {
		if m.GetSeqId() == 0 {
			return nil, contracts.Invalid("seqId", "at least 1")
		}
		keys = append(keys, store.BlockOf(m.GetConversationId(), m.GetSeqId()))
	}
	if err := r.store.Rebuild(ctx, keys); err != nil {
		return nil, answer(err)
	}
	return &pb.RefreshIndexResponse{}, nil
}

// BackfillIndex implements pb.SearchRepoServer.
func (r searches) BackfillIndex(ctx context.Context, _ *pb.BackfillIndexRequest) (*pb.BackfillIndexResponse, error) {
	blocks, done, err := r.store.Backfill(ctx, backfillBlocks)
	if err != nil {
		return nil, answer(err)
	}
	return &pb.BackfillIndexResponse{Done: done, Messages: int64(blocks) * store.BlockSize}, nil
}

// SearchMessages implements pb.SearchRepoServer.
func (r searches) SearchMessages(ctx context.Context, in *pb.SearchMessagesRequest) (*pb.SearchMessagesResponse, error) {
	if in.GetLimit() < 1 || in.GetLimit() > contracts.SearchLimitMax {
		return nil, contracts.Invalid("limit", fmt.Sprintf("1 to %d", contracts.SearchLimitMax))
	}
	query := search.NewQuery(in.GetQuery())
	if query.Empty() {
		return &pb.SearchMessagesResponse{}, nil
	}
	select {
	case r.searching <- struct{}{}:
		defer func() { <-r.searching }()
	case <-ctx.Done():
		return nil, answer(ctx.Err())
	}
	found, next, err := search.Find(ctx, r.store, search.Request{
		UserID: in.GetUserId(), ConversationID: in.GetConversationId(), Query: query, Cursor: in.GetCursor(), Limit: int(in.GetLimit()),
	})
	if err != nil {
		return nil, answer(err)
	}
	return &pb.SearchMessagesResponse{Messages: protos(found), NextCursor: next}, nil
}
