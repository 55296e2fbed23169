// Package middleware holds the router middlewares that Watermill's own do not
// serve: the split of errors into transient and permanent, poison that loses
// nothing, tracing and metrics of runs.
package middleware

import (
	"errors"

	wmiddleware "github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// ErrUndecodable marks a record whose payload is not what its topic carries.
var ErrUndecodable = errors.New("record cannot be decoded")

// IsPermanent reports whether handling the same record again is useless: it
// cannot be decoded, its handler panics, what follows from it does not fit into
// the queue, or the error table says so.
func IsPermanent(err error) bool {
	return errors.Is(err, ErrUndecodable) || IsPanic(err) || errors.Is(err, mq.ErrTooLarge) || contracts.IsPermanent(err)
}

// IsPanic reports whether a handler panicked. That is tried again a few times
// before it counts as permanent.
func IsPanic(err error) bool {
	var panicked wmiddleware.RecoveredPanicError
	return errors.As(err, &panicked)
}

// Reason is the word for why a record is poisoned.
func Reason(err error) string {
	switch {
	case errors.Is(err, ErrUndecodable):
		return contracts.PoisonUndecodable
	case IsPanic(err):
		return contracts.PoisonPanic
	case errors.Is(err, mq.ErrTooLarge):
		return contracts.PoisonTooLarge
	case contracts.IsPermanent(err):
		return contracts.PoisonRefused
	}
	return contracts.PoisonUnforeseen
}
