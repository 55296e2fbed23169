package gateway

import (
	"github.com/gochat/gochat/contracts"
)

// maxRef bounds what of a client's own words is sent back to it.
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
	switch string(t) {
	case contracts.FrameSend:
		return contracts.FrameSend
	case contracts.FramePing:
		return contracts.FramePing
	case contracts.FrameChange:
		return contracts.FrameChange
	case contracts.FrameRead:
		return contracts.FrameRead
	case contracts.FrameTyping:
		return contracts.FrameTyping
	case contracts.FrameDelivered:
		return contracts.FrameDelivered
	case contracts.FramePresenceSubscribe:
		return contracts.FramePresenceSubscribe
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
	return d, b.err()
}

func typingData(data value) (string, error) {
	b, err := parseData(data)
	if err != nil {
		return "", err
	}
	conv := b.conversation()
	return conv, b.err()
}

// conversation returns the required conversation id.
func (b *body) conversation() string {
	id := b.required("conversationId")
	if _, there := b.get("conversationId"); there && !contracts.ConversationID(id).Valid() {
		b.bad("conversationId", "a conversation id")
	}
	return id
}
