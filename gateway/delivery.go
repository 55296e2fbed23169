package gateway

import (
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// classOf says what becomes of a delivery that a socket has no room for: what its maker says.
//
// A worker of a version before the field leaves it unset, and may run beside this gateway during an
// upgrade. Its delivery is a push when it has a number in a conversation. When it goes to all sockets of
// users, and not to one that asked, it is an event if the table says so of its type. Without this rule an
// upgrade would close slow sockets for a typing.
func classOf(d *pb.Delivery) class {
	switch d.GetClass() {
	case pb.Delivery_CLASS_CONTROL:
		return classControl
	case pb.Delivery_CLASS_PUSH:
		return classPush
	case pb.Delivery_CLASS_EVENT:
		return classEvent
	}
	switch {
	case d.GetSeqId() > 0 && d.GetConversationId() != "":
		return classPush
	case d.GetOnlyConnectionId() == "" && serverFrames[typeOf(d)].class == classEvent:
		return classEvent
	}
	return classControl
}

// typeOf returns the type by which a delivery's frame is counted and traced: what its maker says, and where
// that is unset, as it is of a worker of a version before the field, what the frame begins with.
func typeOf(d *pb.Delivery) string {
	if typ := d.GetFrameType(); typ != "" {
		return typ
	}
	return string(frameType(d.GetFrame()))
}

// frameType reads the type out of a frame that [contracts.EncodeFrame] wrote.
func frameType(frame []byte) []byte {
	const start = `{"type":"`
	if len(frame) < len(start) || string(frame[:len(start)]) != start {
		return nil
	}
	rest := frame[len(start):]
	for i, c := range rest {
		if c == '"' {
			return rest[:i]
		}
	}
	return nil
}
