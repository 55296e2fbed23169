package store

import "context"

// Devices keeps the devices of users. Times are in Unix milliseconds.
type Devices interface {
	// See raises the times at which devices were last seen. A device whose token was issued before
	// the device was revoked is skipped. Above DevicesMax devices of a user, those that were seen
	// longest ago are forgotten.
	See(ctx context.Context, seen []Seen) error
	// Devices lists a user's devices, newest first.
	Devices(ctx context.Context, userID int64) ([]Device, error)
	// Use stores that a device uses a token, unless the token was issued before the device was
	// revoked, and returns when the device was revoked; 0: never. When the device then has more
	// than DeviceTokensMax tokens, those that expire first are revoked and returned in ended; t
	// itself may be one of them.
	Use(ctx context.Context, t UsedToken, now int64) (revokedAt int64, ended []Token, err error)
	// Forbid revokes a device at a time: it takes the device out of the user's list, and revokes
	// the tokens that the device has used.
	Forbid(ctx context.Context, device DeviceKey, at int64) (DeviceRevocation, error)
	// LastSeen returns when users were last seen; a user who never was is left out.
	LastSeen(ctx context.Context, userIDs []int64) (map[int64]int64, error)
}

const (
	// DevicesMax is how many devices of a user are remembered.
	DevicesMax = 100
	// DeviceTokensMax is how many tokens a device may have that are valid at the same time.
	DeviceTokensMax = 100
)

// DeviceRevocation is the result of the revocation of a device.
type DeviceRevocation struct {
	// Listed is false when the device was not in the list.
	Listed bool
	// RevokedAt is when the device was revoked last, in Unix milliseconds; 0: never.
	RevokedAt int64
	// Tokens are all tokens of the device that are revoked, also from before the call.
	Tokens []Token
}

// DeviceKey names a device. An empty ID stands for all sockets of the user that name no device.
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
