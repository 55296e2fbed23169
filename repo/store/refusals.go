package store

import (
	"context"
	"time"
)

// Refusals are sends whose senders are told that they will never be stored.
type Refusals interface {
	// Refuse notes that a send is never to be stored, unless it is stored already: then it
	// returns the message. Otherwise Saver.Save answers it with Refused from now on, however
	// it interleaves with Refuse. Doing it twice is doing it once.
	Refuse(ctx context.Context, send ClientKey, now time.Time) (stored Message, found bool, err error)
	// ForgetRefusals deletes some of those from before a moment, and tells how many; 0: there
	// are no more.
	ForgetRefusals(ctx context.Context, before time.Time) (int64, error)
}
