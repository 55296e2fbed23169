package store

import "context"

// Tokens remembers revoked tokens. Times are in Unix milliseconds.
type Tokens interface {
	// Revoke revokes a token, which expires at expiresAt. It is idempotent.
	Revoke(ctx context.Context, tokenID string, userID, expiresAt int64) error
	// SignOut revokes every token of a user that was issued before a time, and returns the time
	// that holds now: an earlier call may have named a later one.
	SignOut(ctx context.Context, userID, before int64) (int64, error)
	// SignedOut returns the time before which a user's tokens are revoked; 0: the user never signed
	// out everywhere.
	SignedOut(ctx context.Context, userID int64) (int64, error)
	// CheckTokens returns the state of each token, in order.
	CheckTokens(ctx context.Context, tokens []UsedToken) ([]TokenState, error)
}

// UsedToken is a token with its user and the device that uses it; an empty device ID: no device does.
type UsedToken struct {
	ID string
	DeviceKey
	IssuedAt, ExpiresAt int64
}

// TokenState is what is known of a token, and of the device that uses it. Times are in
// Unix milliseconds.
type TokenState struct {
	Revoked bool
	// Orphan: the token's user does not exist.
	Orphan bool
	// SignedOutBefore is the time before which the user's tokens are revoked; 0: none is.
	SignedOutBefore int64
	// DeviceRevokedAt is when the device was revoked; 0: never.
	DeviceRevokedAt int64
	// Used: it is stored that the device uses the token.
	Used bool
}

// Refused reports whether a token is refused whatever device uses it.
func (s TokenState) Refused(issuedAt int64) bool {
	return s.Revoked || s.Orphan || issuedAt < s.SignedOutBefore
}

// Token is a token that was revoked, and when it would have expired.
type Token struct {
	ID        string
	ExpiresAt int64
}
