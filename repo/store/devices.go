package store

import "context"

// Devices keeps the devices of users. Times are in Unix milliseconds.
type Devices interface {
	// See raises when devices were last seen, except where the token that they were
	// seen with was issued before a revocation. Beyond DevicesMax a user's devices
	// that were not seen for the longest time are forgotten.
	See(ctx context.Context, seen []Seen) error
	// Devices lists a user's devices, newest first.
	Devices(ctx context.Context, userID int64) ([]Device, error)
	// Use notes that a device uses a token, unless the token was issued before the
	// device was revoked, and returns when that was; 0: never. What a device uses beyond
	// DeviceTokensMax tokens that work is revoked and returned, those that expire first.
	Use(ctx context.Context, t UsedToken, now int64) (revokedAt int64, ended []Token, err error)
	// Forbid takes a device out of the list, notes when, and revokes the tokens that it
	// has used.
	Forbid(ctx context.Context, device DeviceKey, at int64) (DeviceRevocation, error)
	// LastSeen tells when users were last seen; who never was is left out.
	LastSeen(ctx context.Context, userIDs []int64) (map[int64]int64, error)
}

const (
	// DevicesMax is how many devices of a user are remembered.
	DevicesMax = 100
	// DeviceTokensMax is how many tokens that work a device may have.
	DeviceTokensMax = 100
)

// DeviceRevocation is what came of the revocation of a device.
type DeviceRevocation struct {
	// Listed is false when the device was not in the list.
	Listed bool
	// RevokedAt is when it was revoked last, in Unix milliseconds; 0: never.
	RevokedAt int64
	// Tokens are those that it has used and that are revoked.
	Tokens []Token
}

// DeviceKey names a device. Without an ID it stands for all sockets of the user that
// name no device.
type DeviceKey struct {
	UserID int64
	ID     string
}

// Device is a device in a user's list.
type Device struct {
	ID         string
	LastSeenAt int64
}

// Seen is a device that was seen, with a token that was issued at IssuedAt.
type Seen struct {
	DeviceKey
	At, IssuedAt int64
}
