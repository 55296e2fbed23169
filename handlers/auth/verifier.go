package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
)

// ErrNotMine is returned by a [Verifier] for a token that is not of its kind: then the token is checked as one that
// this service has issued.
var ErrNotMine = errors.New("not a token of this verifier")

// Verifier tells whose a token is that this service has not issued, as one of a single sign-on.
//
// Verify returns what the token says once it is sure that it is genuine. ErrNotMine leaves the token to the check of
// those that Register and Login issue; a verifier that never returns it refuses those. A *contracts.Error is the answer
// as it is, as unavailable where nobody can be asked; any other error refuses the token. It is called for every request
// and socket, by many at the same time, and has to come back soon after its context's end.
type Verifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}

// Identity is what a genuine token says.
type Identity struct {
	// User has to have an account.
	User contracts.UserID
	// TokenID names the token, in 1 to 64 bytes, and never another one: what is revoked is remembered by it.
	TokenID string
	// Issued is when the token was made; one that was made before its user signed out everywhere, or before its
	// device was revoked, is refused. Zero: before all of that.
	Issued time.Time
	// Expires is the end of the token, and of the sockets that were opened with it.
	Expires time.Time
}

// token is the identity as this service's own tokens have it.
func (i Identity) token(now time.Time) (token, error) {
	switch {
	case i.User < 1:
		return token{}, fmt.Errorf("%w: it is of user %d", errToken, i.User)
	case i.TokenID == "" || len(i.TokenID) > maxTokenID:
		return token{}, fmt.Errorf("%w: its id has %d bytes", errToken, len(i.TokenID))
	case !i.Expires.After(now):
		return token{}, fmt.Errorf("%w: it has expired", errToken)
	}
	if i.Issued.IsZero() {
		i.Issued = time.Unix(0, 0)
	}
	return token{user: i.User, id: i.TokenID, issued: i.Issued, expires: i.Expires}, nil
}

// identified is the answer of a verifier.
func identified(who Identity, err error) (token, error) {
	if answer := (*contracts.Error)(nil); errors.As(err, &answer) {
		return token{}, answer
	}
	if err != nil {
		return token{}, unauthenticated(err)
	}
	tok, err := who.token(time.Now())
	if err != nil {
		return token{}, unauthenticated(err)
	}
	return tok, nil
}
