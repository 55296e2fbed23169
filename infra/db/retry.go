package db

import (
	"context"
	"time"

	"github.com/gochat/gochat/infra/pause"
)

// Retries of what the database gave up because of others.
const (
	conflictTries = 5
	conflictPause = 4 * time.Millisecond // after the first try
	mostPause     = 512 * time.Millisecond
)

// Again runs a transaction, again while the database gives it up because of
// another one, which leaves nothing of it behind; after five tries, or with the
// context, its error comes back. do may be called more than once.
func (d *DB) Again(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := do(ctx)
		if try == conflictTries || !IsConflict(err) || !Pause(ctx, try) {
			return err
		}
	}
}

// Pause waits before the next try, each time about twice as long and never the
// same, so that those who met do not meet again; false when the context ends first.
func Pause(ctx context.Context, try int) bool {
	return pause.For(ctx.Done(), pause.After(try, conflictPause, mostPause))
}
