package db

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"
)

const (
	// checkpointEvery is how often the write-ahead log is looked at, and
	// checkpointBytes from which size on it is folded back into the database.
	checkpointEvery = 100 * time.Millisecond
	checkpointBytes = 32 << 20
	// checkpointTimeout bounds one attempt.
	checkpointTimeout = 30 * time.Second
)

// checkpointer folds SQLite's write-ahead log back into the database beside the
// writer. SQLite's own checkpoint is part of some commit, which it made ten times
// as long.
type checkpointer struct {
	wal    string
	own    *sql.DB
	writer *bun.DB
	log    *zap.Logger
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func startCheckpointer(own *sql.DB, writer *bun.DB, path string, log *zap.Logger) *checkpointer {
	own.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	c := &checkpointer{wal: path + "-wal", own: own, writer: writer, log: log, cancel: cancel}
	c.done.Go(func() { c.run(ctx) })
	return c
}

func (c *checkpointer) run(ctx context.Context) {
	ticker := time.NewTicker(checkpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		info, err := os.Stat(c.wal)
		if err != nil || info.Size() < checkpointBytes {
			continue // no log yet, or a small one
		}
		if err := c.fold(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("the database's write-ahead log was not folded back; it grows until it is", zap.Error(err))
		}
	}
}

// fold copies what is in the log while the writer goes on, and then, between two
// of its transactions, the little that came meanwhile: the writer's next one begins
// the log anew. Passive checkpoints wait for nobody.
func (c *checkpointer) fold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	if _, err := c.own.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return err
	}
	_, err := c.writer.DB.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	return err
}

func (c *checkpointer) close() error {
	c.cancel()
	c.done.Wait()
	return c.own.Close()
}
