// Package middleware holds the router middlewares that Watermill's own do not
// serve: the split of errors into transient and permanent, poison that loses
// nothing, tracing and metrics of runs.
package middleware

import (
	"errors"

	wmiddleware "github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

var (
	// ErrUndecodable marks a record whose payload is not what its topic carries.
	ErrUndecodable = errors.New("record cannot be decoded")
	// ErrNewer marks a record that a newer release wrote in a form that this release does not know. Nothing is
	// wrong with the record: it waits for a newer worker.
	ErrNewer = errors.New("record is of a newer schema version than this worker reads")
)

// IsPermanent reports whether handling the same record again is useless: the record cannot be decoded, its
// handler panics, what is published for it is too large for the queue, or the error table of contracts says so.
func IsPermanent(err error) bool {
	return errors.Is(err, ErrUndecodable) || IsPanic(err) || errors.Is(err, mq.ErrTooLarge) || contracts.IsPermanent(err)
}

// IsDependency reports whether an error is a dependency's and will pass: a service, the database or the queue
// does not answer, a deadline has passed, or a call or a record is of a newer release than whoever should
// handle it. Its end is waited for, however long it takes.
func IsDependency(err error) bool {
	if errors.Is(err, ErrNewer) || errors.Is(err, mq.ErrClosed) || errors.Is(err, mq.ErrUnknownTopic) {
		return true
	}
	if st, ok := status.FromError(err); ok && st.Code() == codes.Unimplemented {
		return true
	}
	return contracts.AsError(err).Code == contracts.CodeUnavailable
}

// IsPanic reports whether a handler panicked. A panic is tried again a few times before it counts as permanent.
func IsPanic(err error) bool {
	var panicked wmiddleware.RecoveredPanicError
	return errors.As(err, &panicked)
}

// Reason returns the word for why a record that fails with err is poisoned, one of contracts.Poison….
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
