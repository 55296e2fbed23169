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
	// ReadersMax is the largest page of readers that a call may ask for.
	ReadersMax = 100
	// ReadersDefault is the page size when a call names none.
	ReadersDefault = 50
	// DeliveredBatch is how many delivered positions one ReceiptService.Deliver call may have.
	DeliveredBatch = 500
)

// DeliveredEventData is the data of a delivered frame of the server.
type DeliveredEventData struct {
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	DeliveredSeq   uint64 `json:"deliveredSeq"`
}

// PresenceData is the data of presence, and an entry of GET /api/presence.
type PresenceData struct {
	UserID string `json:"userId"`
	Online bool   `json:"online"`
	// LastSeenAt is when an offline user was last connected, in Unix milliseconds; 0 when not known.
	LastSeenAt int64 `json:"lastSeenAt,omitempty"`
}
