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

// decoded is what a message says, with the size that it has encoded.
type decoded struct {
	contents proto.Message
	size     int
}

// WithDecoded notes what a message says, for subscribers in the same process, which need not decode
// its payload. It makes no payload: a message may go without one only to a topic of which the transport's
// [HandsOver] is true, since any other reader would find it empty. Nobody may change contents afterwards:
// all subscribers share it.
func WithDecoded(msg *message.Message, contents proto.Message) {
	size := 0
	if len(msg.Payload) == 0 {
		size = proto.Size(contents)
	}
	msg.SetContext(context.WithValue(msg.Context(), decodedKey{}, decoded{contents, size}))
}

// Decoded returns what WithDecoded noted, or nil: the message came out of a queue's store, or from
// another process.
func Decoded(msg *message.Message) proto.Message {
	return decodedOf(msg).contents
}

func decodedOf(msg *message.Message) decoded {
	d, _ := msg.Context().Value(decodedKey{}).(decoded)
	return d
}

// payloadBytes is the size of a message's payload, also of one that has none because it is handed over.
func payloadBytes(msg *message.Message) int {
	if len(msg.Payload) == 0 {
		return decodedOf(msg).size
	}
	return len(msg.Payload)
}
