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
	// Forbid takes a device out of the list and notes when; listed is false when it
	// was not there, and revokedAt then says when that happened, 0: never.
	Forbid(ctx context.Context, userID int64, deviceID string, at int64) (listed bool, revokedAt int64, err error)
	// Check answers IsRevoked for a token and, in the same read, when a device was
	// revoked; 0: never.
	Check(ctx context.Context, tokenID string, userID int64, deviceID string) (tokenRevoked bool, revokedAt int64, err error)
	// LastSeen tells when users were last seen; who never was is left out.
	LastSeen(ctx context.Context, userIDs []int64) (map[int64]int64, error)
}

// DevicesMax is how many devices of a user are remembered.
const DevicesMax = 100

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
