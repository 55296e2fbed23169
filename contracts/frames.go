package contracts

import (
	"bytes"
	"encoding/json"
	"strconv"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Frame types of the WebSocket.
const (
	FrameSend     = "send-message"
	FramePing     = "ping"
	FrameRead     = "read"
	FrameTyping   = "typing"
	FrameChange   = "change-message"
	FrameHello    = "hello"
	FrameAck      = "message-ack"
	FrameStored   = "message-stored"
	FrameRejected = "message-rejected"
	FrameNew      = "new-message"
	FrameGroup    = "group-event"
	FrameSyncHint = "sync-hint"
	FramePong     = "pong"
	FrameError    = "error"
)

// Frame is the outer JSON object of every frame.
type Frame struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// SendData is the data of send-message, and the body of POST /api/messages.
type SendData struct {
	ConversationID string `json:"conversationId"`
	ReceiverID     string `json:"receiverId"`
	Content        string `json:"content"`
	MessageType    string `json:"messageType"`
	TempMessageID  string `json:"tempMessageId"`
	// ReplyToSeq is the number of the message that this one answers.
	ReplyToSeq uint64 `json:"replyToSeq,omitempty"`
	// Mentions are user ids, or MentionAll.
	Mentions []string `json:"mentions,omitempty"`
}

// MentionAll mentions everybody in the conversation.
const MentionAll = "all"

// ChangeData is the data of change-message, and the body of POST /api/conversations/{id}/messages/{seqId}/changes, where
// the path has the conversation and the number.
type ChangeData struct {
	ConversationID string `json:"conversationId"`
	SeqID          uint64 `json:"seqId"`
	// Change is recall, edit, react or unreact.
	Change        string `json:"change"`
	Content       string `json:"content,omitempty"`
	Reaction      string `json:"reaction,omitempty"`
	TempMessageID string `json:"tempMessageId"`
}

// GroupEventData is the data of group-event.
type GroupEventData struct {
	ConversationID string   `json:"conversationId"`
	GroupID        string   `json:"groupId"`
	Event          string   `json:"event"`
	ActorID        string   `json:"actorId"`
	UserIDs        []string `json:"userIds,omitempty"`
}

// ReactionData is one reaction to a message, with the users who gave it.
type ReactionData struct {
	Reaction string   `json:"reaction"`
	UserIDs  []string `json:"userIds"`
}

// EpochMax is how many characters a store's epoch has at most.
const EpochMax = 64

// HelloData is the data of hello.
type HelloData struct {
	ConnectionID string `json:"connectionId"`
	UserID       string `json:"userId"`
	GatewayID    string `json:"gatewayId"`
	// PingInterval is in milliseconds.
	PingInterval int64 `json:"pingInterval"`
	ServerTime   int64 `json:"serverTime"`
	// Epoch is the store's epoch, which changes when an older state of the data is put back; empty when the gateway
	// does not know the epoch.
	Epoch string `json:"epoch,omitempty"`
}

// AckData is the data of message-ack. MessageID repeats the tempMessageId: a message gets its id when it is stored.
type AckData struct {
	TempMessageID string `json:"tempMessageId"`
	MessageID     string `json:"messageId"`
	Status        string `json:"status"`
}

// StoredData is the data of message-stored.
type StoredData struct {
	TempMessageID  string `json:"tempMessageId"`
	MessageID      string `json:"messageId"`
	ConversationID string `json:"conversationId"`
	SeqID          uint64 `json:"seqId"`
	Timestamp      int64  `json:"timestamp"`
}

// RejectedData is the data of message-rejected.
type RejectedData struct {
	TempMessageID string `json:"tempMessageId"`
	Code          Code   `json:"code"`
	Message       string `json:"message"`
}

// MessageData is a stored message, in pushes and in history.
type MessageData struct {
	MessageID      string `json:"messageId"`
	ConversationID string `json:"conversationId"`
	SeqID          uint64 `json:"seqId"`
	SenderID       string `json:"senderId"`
	Content        string `json:"content"`
	MessageType    string `json:"messageType"`
	TempMessageID  string `json:"tempMessageId"`
	Timestamp      int64  `json:"timestamp"`

	ReplyToSeq uint64         `json:"replyToSeq,omitempty"`
	Mentions   []string       `json:"mentions,omitempty"`
	EditedAt   int64          `json:"editedAt,omitempty"`
	RecalledAt int64          `json:"recalledAt,omitempty"`
	RecalledBy string         `json:"recalledBy,omitempty"`
	Reactions  []ReactionData `json:"reactions,omitempty"`
	// Expired says that the retention has ended and the content is gone.
	Expired bool `json:"expired,omitempty"`
}

// ReadData is the data of a client's read frame, and of its delivered frame.
type ReadData struct {
	ConversationID string `json:"conversationId"`
	SeqID          uint64 `json:"seqId"`
}

// ReadEventData is the data of a read frame of the server.
type ReadEventData struct {
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	ReadSeq        uint64 `json:"readSeq"`
}

// TypingData is the data of a typing frame of a client.
type TypingData struct {
	ConversationID string `json:"conversationId"`
}

// TypingEventData is the data of a typing frame of the server.
type TypingEventData struct {
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
}

// SyncHintData is the data of sync-hint.
type SyncHintData struct {
	ConversationID string `json:"conversationId"`
	LastSeq        uint64 `json:"lastSeq"`
}

// ErrorData is the data of an error frame; Ref is the tempMessageId or frame
// type that it is about.
type ErrorData struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Ref     string `json:"ref,omitempty"`
}

// EncodeFrame returns the text of one frame. It panics when data cannot be encoded, which cannot happen with the types
// of this package. HTML escapes are left out: no frame is read as HTML, and each <, & and > would take six bytes.
func EncodeFrame(typ string, data any) []byte {
	if d, quick := data.(appender); quick {
		return appendFrame(make([]byte, 0, 32+len(typ)+d.sizeJSON()), typ, d)
	}
	e := newEncoder()
	defer e.free()
	e.out.WriteString(`{"type":`)
	e.out.Write(strconv.AppendQuote(e.out.AvailableBuffer(), typ))
	e.out.WriteString(`,"data":`)
	if err := e.add(data); err != nil {
		panic("encode frame " + typ + ": " + err.Error())
	}
	e.out.WriteByte('}')
	return bytes.Clone(e.out.Bytes())
}

func appendFrame(b []byte, typ string, data appender) []byte {
	b = strconv.AppendQuote(append(b, `{"type":`...), typ)
	return append(data.appendJSON(append(b, `,"data":`...)), '}')
}

// NewDelivery returns a delivery of one frame with the frame's class and type, so that a gateway need not read them out
// of the frame. The caller fills in the recipients.
func NewDelivery(class pb.Delivery_Class, typ string, data any) *pb.Delivery {
	return &pb.Delivery{Class: class, FrameType: typ, Frame: EncodeFrame(typ, data)}
}

// NewMessageData renders a stored message for clients.
func NewMessageData(m *pb.Message) MessageData {
	d := MessageData{
		MessageID:      MessageID(m.GetMessageId()).String(),
		ConversationID: m.GetConversationId(),
		SeqID:          m.GetSeqId(),
		SenderID:       UserID(m.GetSenderId()).String(),
		Content:        m.GetContent(),
		MessageType:    m.GetMessageType(),
		TempMessageID:  m.GetTempMessageId(),
		Timestamp:      m.GetTimestamp(),
		ReplyToSeq:     m.GetReplyToSeq(),
		EditedAt:       m.GetEditedAt(),
		RecalledAt:     m.GetRecalledAt(),
		Expired:        m.GetExpired(),
	}
	if m.GetMentionsAll() {
		d.Mentions = append(d.Mentions, MentionAll)
	}
	d.Mentions = append(d.Mentions, UserIDs(m.GetMentions())...)
	if m.GetRecalledBy() != 0 {
		d.RecalledBy = UserID(m.GetRecalledBy()).String()
	}
	d.Reactions = reactionsOf(m)
	return d
}

// UserIDs prints ids in decimal; nil for none.
func UserIDs(ids []int64) []string {
	var out []string
	for _, id := range ids {
		out = append(out, UserID(id).String())
	}
	return out
}

// NewStoredData renders what the sender is told of a stored message.
func NewStoredData(m *pb.Message) StoredData {
	return StoredData{
		TempMessageID:  m.GetTempMessageId(),
		MessageID:      MessageID(m.GetMessageId()).String(),
		ConversationID: m.GetConversationId(),
		SeqID:          m.GetSeqId(),
		Timestamp:      m.GetTimestamp(),
	}
}
