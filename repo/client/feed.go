//nolint:revive // each method makes the call of its name, of which contracts/proto says what it does
package client

import (
	"context"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Feed keeps the cursors of webhooks.
type Feed struct{ remote pb.FeedRepoClient }

// NewFeed returns the calls of FeedRepo.
func NewFeed(conn grpc.ClientConnInterface) Feed { return Feed{pb.NewFeedRepoClient(conn)} }

func (c Feed) BeginHooks(ctx context.Context, in *pb.BeginHooksRequest) (*pb.BeginHooksResponse, error) {
	return c.remote.BeginHooks(ctx, in)
}

func (c Feed) RaiseNews(ctx context.Context, in *pb.RaiseNewsRequest) (*pb.RaiseNewsResponse, error) {
	return c.remote.RaiseNews(ctx, in)
}

func (c Feed) ScanNews(ctx context.Context, in *pb.ScanNewsRequest) (*pb.ScanNewsResponse, error) {
	return c.remote.ScanNews(ctx, in)
}

func (c Feed) TakeNews(ctx context.Context, in *pb.TakeNewsRequest) (*pb.TakeNewsResponse, error) {
	return c.remote.TakeNews(ctx, in)
}

func (c Feed) HurryHook(ctx context.Context, in *pb.HurryHookRequest) (*pb.HurryHookResponse, error) {
	return c.remote.HurryHook(ctx, in)
}

func (c Feed) HookStats(ctx context.Context, in *pb.HookStatsRequest) (*pb.HookStatsResponse, error) {
	return c.remote.HookStats(ctx, in)
}

// Search finds messages, and maintains the search index.
type Search struct{ remote pb.SearchRepoClient }

// NewSearch returns the calls of SearchRepo.
func NewSearch(conn grpc.ClientConnInterface) Search { return Search{pb.NewSearchRepoClient(conn)} }

func (c Search) SearchMessages(ctx context.Context, in *pb.SearchMessagesRequest) (*pb.SearchMessagesResponse, error) {
	return c.remote.SearchMessages(ctx, in)
}

func (c Search) IndexMessages(ctx context.Context, in *pb.IndexMessagesRequest) (*pb.IndexMessagesResponse, error) {
	return c.remote.IndexMessages(ctx, in)
}

func (c Search) RefreshIndex(ctx context.Context, in *pb.RefreshIndexRequest) (*pb.RefreshIndexResponse, error) {
	return c.remote.RefreshIndex(ctx, in)
}

func (c Search) BackfillIndex(ctx context.Context, in *pb.BackfillIndexRequest) (*pb.BackfillIndexResponse, error) {
	return c.remote.BackfillIndex(ctx, in)
}

// Retention removes what was kept long enough.
type Retention struct{ remote pb.RetentionRepoClient }

// NewRetention returns the calls of RetentionRepo.
func NewRetention(conn grpc.ClientConnInterface) Retention {
	return Retention{pb.NewRetentionRepoClient(conn)}
}

func (c Retention) ExpireMessages(ctx context.Context, in *pb.ExpireMessagesRequest) (*pb.ExpireMessagesResponse, error) {
	return c.remote.ExpireMessages(ctx, in)
}

func (c Retention) ForgetRecords(ctx context.Context, in *pb.ForgetRecordsRequest) (*pb.ForgetRecordsResponse, error) {
	return c.remote.ForgetRecords(ctx, in)
}
