package mq

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"google.golang.org/protobuf/proto"
)

// HandsOver is a [Transport] whose subscribers of some topics are in the same process as its
// publishers, and get the very messages that were published.
type HandsOver interface {
	// HandsOver reports whether all readers of a topic get the published messages themselves, so
	// that a message with [Decoded] contents needs no payload.
	HandsOver(topic string) bool
}

type decodedKey struct{}

// decoded is a message's decoded contents, and their encoded size if the message has no payload.
type decoded struct {
	contents proto.Message
	size     int
}

// WithDecoded attaches a message's decoded contents, so that subscribers in the same process need not decode
// its payload. It does not make the payload: a message may go without one only to a topic for which the
// transport's [HandsOver] is true, since any other reader would find it empty. All subscribers share
// contents, so nobody may change them afterwards.
func WithDecoded(msg *message.Message, contents proto.Message) {
	size := 0
	if len(msg.Payload) == 0 {
		size = proto.Size(contents)
	}
	msg.SetContext(context.WithValue(msg.Context(), decodedKey{}, decoded{contents, size}))
}

// Decoded returns the contents that WithDecoded attached; nil for a message that was read from a queue's
// store or came from another process.
func Decoded(msg *message.Message) proto.Message {
	return decodedOf(msg).contents
}

func decodedOf(msg *message.Message) decoded {
	d, _ := msg.Context().Value(decodedKey{}).(decoded)
	return d
}

// payloadBytes is the size of a message's payload, or, if it has none because it is handed over, the size
// that its contents would have encoded.
func payloadBytes(msg *message.Message) int {
	if len(msg.Payload) == 0 {
		return decodedOf(msg).size
	}
	return len(msg.Payload)
}
