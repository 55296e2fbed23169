package contracts

import "fmt"

// WebSocket close codes of the client contract, and the words of their reasons. After 4001 a client logs in again; after
// 4002 it does not reconnect; after any other code it reconnects, not before the delay that the reason may name.
const (
	CloseTokenRevoked    = 4001
	CloseReplaced        = 4002
	CloseTooSlow         = 4003
	CloseNoPing          = 4004
	CloseFlooding        = 4008
	CloseFrameTooLarge   = 1009
	CloseServerRestart   = 1012
	SubprotocolV1        = "gochat.v1"
	CloseReasonRevoked   = "revoked"
	CloseReasonExpired   = "expired"
	CloseReasonReplaced  = "replaced"
	CloseReasonTooSlow   = "slow"
	CloseReasonNoPing    = "idle"
	CloseReasonFlooding  = "flooding"
	CloseReasonTooLarge  = "too-large"
	CloseReasonRestarted = "restarting"
)

// CloseReasonWithRetry returns the reason word with the milliseconds that this client must wait before it reconnects.
func CloseReasonWithRetry(word string, afterMillis int64) string {
	return fmt.Sprintf("%s retry-after-ms=%d", word, afterMillis)
}
