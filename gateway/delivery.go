package gateway

import (
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// classOf returns what becomes of a delivery's frame where a socket has no room for it: d's own class, if it is set.
//
// A worker of an older release, which may run beside this gateway during an upgrade, does not set the class. Its
// delivery is then a push if it has a number in a conversation, and an event if it is not for one connection only and
// the table says so of its type. Without this rule an upgrade would close slow sockets because of a typing frame.
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

// typeOf returns the type by which a delivery's frame is counted and traced: d's own type, or the one in the text of
// the frame, where a worker of an older release did not set it.
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
