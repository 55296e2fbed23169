package service

import (
	"context"
	"sync"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// epochFor is how long the store's epoch is remembered. Every socket that opens and every sync
// asks for the epoch, which changes only when an older state of the data is put back.
const epochFor = time.Second

// epochMemo remembers the store's epoch and when it was read. Safe for concurrent use.
type epochMemo struct {
	mu    sync.Mutex
	epoch string
	read  time.Time
}

// epoch returns the store's epoch, at most epochFor old.
func (r *Repo) epoch(ctx context.Context) (string, error) {
	if epoch := r.memo.get(); epoch != "" {
		return epoch, nil
	}
	v, err := r.once(ctx, "epoch", func(ctx context.Context) (any, error) {
		epoch, err := r.store.Epoch(ctx)
		if err == nil {
			r.memo.put(epoch)
		}
		return epoch, err
	})
	if err != nil {
		return "", err
	}
	return v.(string), nil
}

func (m *epochMemo) get() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.read) > epochFor {
		return ""
	}
	return m.epoch
}

func (m *epochMemo) put(epoch string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch, m.read = epoch, time.Now()
}

// GetEpoch implements pb.ConversationRepoServer.
func (r conversations) GetEpoch(ctx context.Context, _ *pb.GetEpochRequest) (*pb.GetEpochResponse, error) {
	epoch, err := r.epoch(ctx)
	if err != nil {
		return nil, answer(err)
	}
	return &pb.GetEpochResponse{Epoch: epoch}, nil
}
