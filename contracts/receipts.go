package contracts

// Frame types of receipts and presence.
const (
	FrameDelivered         = "delivered"
	FramePresenceSubscribe = "presence-subscribe"
	FramePresence          = "presence"
)

const (
	// PresenceMax is how many users one call or one subscription may name.
	PresenceMax = 200
	// ReadersMax is readers a page at most.
	ReadersMax = 100
	// ReadersDefault is readers a page where none are asked for.
	ReadersDefault = 50
	// DeliveredBatch is how many positions one call may bring.
	DeliveredBatch = 500
)

// DeliveredEventData is the data of the server's delivered.
type DeliveredEventData struct {
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	DeliveredSeq   uint64 `json:"deliveredSeq"`
}

// PresenceData is the data of presence, and an entry of GET /api/presence.
type PresenceData struct {
	UserID string `json:"userId"`
	Online bool   `json:"online"`
	// LastSeenAt is of who is offline, where it is known.
	LastSeenAt int64 `json:"lastSeenAt,omitempty"`
}
