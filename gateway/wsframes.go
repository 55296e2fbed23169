package gateway

import (
	"encoding/binary"

	"github.com/gochat/gochat/contracts"
)

// WebSocket opcodes with the final bit set.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

// pingFrame is the one ping that all sockets share.
var pingFrame = []byte{opPing, 0}

// header appends an unmasked frame header for a payload of n bytes.
func header(to []byte, op byte, n int) []byte {
	switch {
	case n < 126:
		return append(to, op, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(to, op, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(to, op, 127), uint64(n))
	}
}

// rawFrame returns the bytes of a whole frame as they go over the wire. They are
// never changed afterwards: any number of sockets shares them.
func rawFrame(op byte, payload []byte) []byte {
	return append(header(make([]byte, 0, len(payload)+10), op, len(payload)), payload...)
}

// textFrame encodes a frame of the contract for the wire.
func textFrame(typ string, data any) []byte {
	return rawFrame(opText, contracts.EncodeFrame(typ, data))
}

// ackFrame is textFrame for the commonest answer; a valid tempMessageId needs no escapes.
func ackFrame(tempID string) []byte {
	const (
		a = `{"type":"message-ack","data":{"tempMessageId":"`
		b = `","messageId":"`
		c = `","status":"accepted"}}`
	)
	n := len(a) + len(b) + len(c) + 2*len(tempID)
	f := header(make([]byte, 0, n+4), opText, n)
	f = append(f, a...)
	f = append(f, tempID...)
	f = append(f, b...)
	f = append(f, tempID...)
	return append(f, c...)
}

// closeFrame carries a code and a reason; the protocol allows 123 bytes of reason.
func closeFrame(code int, reason string) []byte {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code)) //nolint:gosec // close codes are below 5000
	return rawFrame(opClose, append(p, reason...))
}
