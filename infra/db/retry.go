package db

import (
	"context"
	"time"

	"github.com/gochat/gochat/infra/pause"
)

// Retries of transactions that the database gave up because of others.
const (
	conflictTries = 5
	conflictPause = 4 * time.Millisecond // after the first try
	mostPause     = 512 * time.Millisecond
)

// Again runs do, and runs it again while the database gives its transaction up because of another one, which
// leaves nothing of it behind. After five tries, or when ctx ends, do's error is returned.
func (d *DB) Again(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := do(ctx)
		if try == conflictTries || !IsConflict(err) || !Pause(ctx, try) {
			return err
		}
	}
}

// Pause waits before the next try, about twice as long each time and at random, so that transactions that met
// do not meet again; false when the context ends first.
func Pause(ctx context.Context, try int) bool {
	return pause.For(ctx.Done(), pause.After(try, conflictPause, mostPause))
}
