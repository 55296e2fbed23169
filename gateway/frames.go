package gateway

import (
	"github.com/gochat/gochat/contracts"
)

// frameRow is one row of the table of frames. A type that goes both ways has two rows.
type frameRow struct {
	typ       string
	direction string // in or out
	// class, of a frame out, says what becomes of it where a socket has no room.
	class class
	// limit, of a frame in, says where the socket's rate limit is applied to it.
	limit frameLimit
	// handle, of a frame in, does what the frame says. data is within the read buffer and not valid after handle returns.
	handle func(c *conn, data value)
}

// frameLimit says where the socket's rate limit is applied to a frame.
type frameLimit uint8

const (
	// limitedByType: in the reader, before the frame is handled. A refusal names the frame's type.
	limitedByType frameLimit = iota
	// limitedByID: in handle, as soon as it has read the tempMessageId, which a refusal names.
	limitedByID
)

// frameTable is the one table of frame types. From it come the frames that the reader takes, what becomes of a frame
// that a socket has no room for, and the labels by which frames are counted; a test holds the table to
// contracts/asyncapi.yaml. Of a delivery, its own class goes first (see classOf).
var frameTable = []frameRow{
	{typ: contracts.FrameSend, direction: in, limit: limitedByID, handle: (*conn).sendMessage},
	{typ: contracts.FramePing, direction: in, handle: (*conn).ping},
	{typ: contracts.FrameChange, direction: in, handle: (*conn).changeMessage},
	{typ: contracts.FrameRead, direction: in, handle: (*conn).markRead},
	{typ: contracts.FrameTyping, direction: in, handle: (*conn).typing},
	{typ: contracts.FrameDelivered, direction: in, handle: (*conn).delivered},
	{typ: contracts.FramePresenceSubscribe, direction: in, handle: (*conn).subscribePresence},

	{typ: contracts.FrameHello, direction: out, class: classControl},
	{typ: contracts.FrameAck, direction: out, class: classControl},
	{typ: contracts.FrameStored, direction: out, class: classControl},
	{typ: contracts.FrameRejected, direction: out, class: classControl},
	{typ: contracts.FrameNew, direction: out, class: classPush},
	{typ: contracts.FrameRead, direction: out, class: classEvent},
	{typ: contracts.FrameTyping, direction: out, class: classEvent},
	{typ: contracts.FrameDelivered, direction: out, class: classEvent},
	{typ: contracts.FramePresence, direction: out, class: classEvent},
	{typ: contracts.FrameGroup, direction: out, class: classControl}, // nobody can pull it later
	{typ: contracts.FrameSyncHint, direction: out, class: classPush},
	{typ: contracts.FramePong, direction: out, class: classCourtesy},
	{typ: contracts.FrameError, direction: out, class: classControl},
}

// clientFrames and serverFrames are the rows of each direction by type. init makes them, because handlers in the table
// look up the class of their answers: initializers would be a cycle.
var clientFrames, serverFrames map[string]frameRow

func init() { clientFrames, serverFrames = rowsOf(in), rowsOf(out) }

func rowsOf(direction string) map[string]frameRow {
	rows := map[string]frameRow{}
	for _, r := range frameTable {
		if r.direction == direction {
			rows[r.typ] = r
		}
	}
	return rows
}

// say queues a frame that the gateway itself makes for a socket, and counts it.
func (c *conn) say(typ string, data any) { c.sayText(typ, textFrame(typ, data)) }

// sayText is say of a frame that is encoded already.
func (c *conn) sayText(typ string, raw []byte) {
	c.answer(raw, serverFrames[typ].class)
	c.g.metrics.sent(typ, 1)
}

var pongFrame = textFrame(contracts.FramePong, struct{}{})

// ping is answered by a pong.
func (c *conn) ping(data value) {
	// Clients may leave the empty data out, and some say null.
	if len(data.raw) > 0 && !data.isObject() && !data.isNull() {
		c.fail(contracts.Invalid("data", "an object"), contracts.FramePing)
		return
	}
	c.sayText(contracts.FramePong, pongFrame)
}

// maxRef is the longest text of a client, in bytes, that an error frame repeats.
const maxRef = 64

func printable(s string) string {
	if len(s) > maxRef {
		return ""
	}
	return s
}

// splitFrame reads a frame's envelope. data is within text.
func splitFrame(text []byte) (typ string, data value, err error) {
	seen := uint8(0)
	known := false
	err = walkText(text, func(name []byte, v value) error {
		switch string(name) {
		case "type":
			if seen&1 != 0 {
				return errJSONDuplicate
			}
			seen |= 1
			t, ok := v.bytes()
			if !ok {
				return errJSONType
			}
			typ, known = knownType(t), true
		case "data":
			if seen&2 != 0 {
				return errJSONDuplicate
			}
			seen |= 2
			data = v
		}
		return nil
	})
	if err == nil && !known {
		err = errJSONType
	}
	return typ, data, err
}

// knownType is string(t) without a copy for the types of the contract.
func knownType(t []byte) string {
	if row, known := clientFrames[string(t)]; known {
		return row.typ
	}
	return string(t)
}

// parseData reads the data of a small frame.
func parseData(data value) (*body, error) {
	if !data.isObject() {
		return nil, contracts.Invalid("data", "an object")
	}
	b := &body{members: map[string]value{}}
	err := walkValue(data, func(name []byte, v value) error {
		if _, twice := b.members[string(name)]; twice {
			return errJSONDuplicate
		}
		b.members[string(name)] = v
		return nil
	})
	if err != nil {
		return nil, contracts.NewError(contracts.CodeInvalidArgument, "The data is not valid: "+err.Error()+".")
	}
	return b, nil
}

func readData(data value) (contracts.ReadData, error) {
	b, err := parseData(data)
	if err != nil {
		return contracts.ReadData{}, err
	}
	d := contracts.ReadData{ConversationID: b.conversation(), SeqID: b.requiredCount("seqId")}
	return d, b.frameErr()
}

func typingData(data value) (string, error) {
	b, err := parseData(data)
	if err != nil {
		return "", err
	}
	conv := b.conversation()
	return conv, b.frameErr()
}

// conversation returns the required conversation id.
func (b *body) conversation() string {
	id := b.required("conversationId")
	if _, there := b.get("conversationId"); there && !contracts.ConversationID(id).Valid() {
		b.bad("conversationId", "a conversation id")
	}
	return id
}
