package auth

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// Hasher hashes passwords. Hashing is slow on purpose, and its time must not depend on the password. It is safe
// for concurrent use.
type Hasher interface {
	// Hash returns a salted hash of a password of at most 72 bytes.
	Hash(password string) (string, error)
	// Matches reports whether hash is of password; an error means that hash is
	// malformed.
	Matches(hash, password string) (bool, error)
}

// bcryptMax is how many bytes of a password bcrypt reads.
const bcryptMax = 72

// maxCost takes some three seconds; more is a mistake in a configuration.
const maxCost = 16

// Bcrypt is the Hasher of a running server.
type Bcrypt struct{ cost int }

// NewBcrypt returns a bcrypt hasher; cost is 4 to 16.
func NewBcrypt(cost int) (*Bcrypt, error) {
	if cost < bcrypt.MinCost || cost > maxCost {
		return nil, fmt.Errorf("bcrypt cost %d: it must be within %d to %d", cost, bcrypt.MinCost, maxCost)
	}
	return &Bcrypt{cost: cost}, nil
}

// Hash implements Hasher.
func (b *Bcrypt) Hash(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), b.cost)
	if err != nil {
		return "", fmt.Errorf("bcrypt: %w", err)
	}
	return string(hash), nil
}

// Matches implements Hasher.
func (b *Bcrypt) Matches(hash, password string) (bool, error) {
	err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	}
	return false, fmt.Errorf("bcrypt: %w", err)
}

var errHashQueueFull = errors.New("too many passwords wait to be hashed")

// hashPool bounds how many passwords are hashed at once and how many wait, so
// that a storm of logins takes neither all processors nor all memory.
type hashPool struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
}

func newHashPool(workers, queue int) *hashPool {
	return &hashPool{slots: make(chan struct{}, workers), queue: int64(queue)}
}

// run does work on the caller's goroutine once there is room. Errors:
// errHashQueueFull, the context's, work's.
func (p *hashPool) run(ctx context.Context, work func() error) error {
	select {
	case p.slots <- struct{}{}:
	default:
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	defer func() { <-p.slots }()
	// The caller has gone while it waited: save the work.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	return work()
}

func (p *hashPool) wait(ctx context.Context) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.queue {
		return errHashQueueFull
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}
