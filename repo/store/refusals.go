package store

import (
	"context"
	"time"
)

// Refusals keeps the refusals: sends whose senders are told that the send will never be stored.
type Refusals interface {
	// Refuse stores a refusal, unless the send is stored already: then it returns the message and
	// found. Otherwise Saver.Save answers the send with Refused from now on, also when both run at
	// the same time. Refuse is idempotent.
	Refuse(ctx context.Context, send ClientKey, now time.Time) (stored Message, found bool, err error)
	// ForgetRefusals deletes some of the refusals from before a time and returns how many; 0: none
	// is left.
	ForgetRefusals(ctx context.Context, before time.Time) (int64, error)
}
