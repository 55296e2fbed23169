package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
)

// ErrNotMine is what a [Verifier] returns for a token that is not of its kind. The token is then checked as one
// that this service has issued.
var ErrNotMine = errors.New("not a token of this verifier")

// Verifier checks tokens that this service has not issued, such as those of a single sign-on.
//
// Verify returns what a genuine token says. ErrNotMine leaves the token to the check of tokens that Register
// and Login issue; a verifier that never returns ErrNotMine refuses all of those. A *contracts.Error is the
// client's answer as it is, such as unavailable when the token cannot be checked now; any other error is
// answered with unauthenticated. Verify is called for every request and socket, concurrently, and must return
// soon after its context ends.
type Verifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}

// Identity is what a genuine token says.
type Identity struct {
	// User has to have an account.
	User contracts.UserID
	// TokenID identifies this token and no other one, in 1 to 64 bytes: revocations are stored by it.
	TokenID string
	// Issued is when the token was made. A token that was made before its user signed out everywhere, or before
	// its device was revoked, is refused. Zero counts as before all of that.
	Issued time.Time
	// Expires is the end of the token, and of the sockets that are opened with it.
	Expires time.Time
}

// token returns the identity in the form of this service's own tokens, or why it is refused.
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

// identified turns a verifier's result into a token, or into the client's error.
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
