package store

import "context"

// Tokens remembers revoked tokens. Times are in Unix milliseconds.
type Tokens interface {
	// Revoke is idempotent.
	Revoke(ctx context.Context, tokenID string, userID, expiresAt int64) error
	// SignOut revokes every token of a user that was issued before a moment, and returns
	// the moment that holds now: an earlier call may have named a later one.
	SignOut(ctx context.Context, userID, before int64) (int64, error)
	// SignedOut returns that moment; 0: the user never signed out everywhere.
	SignedOut(ctx context.Context, userID int64) (int64, error)
	// CheckTokens tells what is known of each token, in order.
	CheckTokens(ctx context.Context, tokens []UsedToken) ([]TokenState, error)
}

// UsedToken is a token and who uses it. Without a device ID no device does.
type UsedToken struct {
	ID string
	DeviceKey
	IssuedAt, ExpiresAt int64
}

// TokenState is what is known of a token, and of the device that uses it. Times are in
// Unix milliseconds.
type TokenState struct {
	Revoked bool
	// Orphan: its user does not exist.
	Orphan bool
	// SignedOutBefore: the user's tokens from before are revoked; 0: none.
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
