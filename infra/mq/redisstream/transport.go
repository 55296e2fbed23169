package redisstream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	wredis "github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

var marshaler wredis.DefaultMarshallerUnmarshaller

// Transport implements mq.Transport on Redis streams. Safe for concurrent use.
type Transport struct {
	cfg     Config
	log     *zap.Logger
	keys    keys
	rdb     redis.UniversalClient
	scripts scripts
	pub     *publisher

	stop     context.CancelFunc // ends the trimming
	trimming sync.WaitGroup

	mu     sync.Mutex
	closed bool
	subs   map[*subscriber]struct{}
	topics map[string]sighting
}

// Open connects and looks at the server. An error is one sentence that names the
// setting at fault.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rdb, is, err := connect(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		cfg: cfg, log: log, keys: cfg.keys(), rdb: rdb, scripts: newScripts(!is.before(7, 0)),
		subs: map[*subscriber]struct{}{}, topics: map[string]sighting{},
	}
	t.pub = newPublisher(t)
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	t.trimming.Go(func() { t.trim(lasting) })
	return t, nil
}

// bounded is a context for one call.
func (t *Transport) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.cfg.Timeout)
}

// Publisher implements mq.Transport.
func (t *Transport) Publisher() message.Publisher { return t.pub }

// Outbox implements mq.Transport. The id is ignored: every publish is all or none, and leaves nothing open
// that a successor would have to fence.
func (t *Transport) Outbox(string) (mq.Outbox, error) {
	if t.isClosed() {
		return nil, mq.ErrClosed
	}
	return outbox{t.pub}, nil
}

func (t *Transport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// Health asks for a sign of life.
func (t *Transport) Health(ctx context.Context) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	if err := t.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	return nil
}

// Close implements mq.Transport.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	subs := make([]*subscriber, 0, len(t.subs))
	for s := range t.subs {
		subs = append(subs, s)
	}
	t.mu.Unlock()
	var closing sync.WaitGroup
	for _, s := range subs {
		closing.Go(func() { _ = s.Close() }) // it has no error to tell
	}
	closing.Wait()
	t.pub.close()
	t.stop()
	t.trimming.Wait()
	if err := t.rdb.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}
