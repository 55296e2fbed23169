package routers

import (
	"context"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/deliver"
	"github.com/gochat/gochat/handlers/persist"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

// about describes an upstream record that is to be poisoned, and says what its sender is told. A record that
// cannot be decoded has no sender to tell. If the message was stored before it broke its handler, the sender is
// told its ids. Otherwise the store refuses the send from now on, whichever worker gets its run again, so that
// the sender can be told that the message will never be stored.
func (p Pipeline) about(ctx context.Context, msg *message.Message) (middleware.Subject, error) {
	it, err := decodeItem(msg)
	if err != nil {
		return middleware.Subject{}, nil //nolint:nilerr // there is no sender to tell
	}
	up := it.Upstream
	subject := middleware.Subject{
		Sender: contracts.UserID(up.GetSenderId()).String(), Conversation: up.GetConversationId(), TempMessageID: up.GetTempMessageId(),
		Content: written(up),
	}
	found, err := p.Messages.RefuseSend(ctx, &pb.RefuseSendRequest{Key: &pb.ClientKey{
		ConversationId: up.GetConversationId(), SenderId: up.GetSenderId(), TempMessageId: up.GetTempMessageId(),
	}})
	if err != nil {
		return middleware.Subject{}, fmt.Errorf("refuse the send of %d %q: %w", up.GetSenderId(), up.GetTempMessageId(), err)
	}
	if subject.Told, err = settle(it, found); err != nil {
		return middleware.Subject{}, err
	}
	subject.Tell = func(ctx context.Context) error {
		return deliver.Send(ctx, p.Outbox, &handlers.Envelope{Items: []*handlers.Item{it}})
	}
	return subject, nil
}

// settle moves the item of a message that is given up to what its sender is told: stored or rejected. A stored
// message is pushed to nobody here: the push may be what breaks the handler, and clients pull what they lack.
func settle(it *handlers.Item, found *pb.RefuseSendResponse) (told string, err error) {
	if !found.GetStored() {
		return contracts.ToldRejected, it.Reject(persist.Refused)
	}
	if err := it.Find(found.GetMessage()); err != nil {
		return "", err
	}
	return contracts.ToldStored, it.Route(nil)
}

// written is what people wrote in a send or a change.
func written(up *pb.Upstream) string {
	if c := up.GetChange(); c != nil {
		return c.GetContent() // persist makes the message's content of it
	}
	return up.GetContent()
}

// contentOfSend returns what people wrote in a record of the upstream topic.
func contentOfSend(msg *message.Message) middleware.Written {
	up := &pb.Upstream{}
	if proto.Unmarshal(msg.Payload, up) != nil {
		return middleware.Written{}
	}
	return middleware.Written{Content: written(up), Sender: up.GetSenderId()}
}

// contentOfMessage returns what people wrote in a record whose payload has a message in it.
func contentOfMessage[M any, P interface {
	*M
	proto.Message
	GetMessage() *pb.Message
}](msg *message.Message,
) middleware.Written {
	payload := P(new(M))
	if proto.Unmarshal(msg.Payload, payload) != nil {
		return middleware.Written{}
	}
	return middleware.Written{Content: payload.GetMessage().GetContent(), Sender: payload.GetMessage().GetSenderId()}
}

// aboutMessage describes a record whose payload may have a stored message in it. Nobody waits for an answer to
// such a record, so nobody is told.
func aboutMessage[M any, P interface {
	*M
	proto.Message
	GetMessage() *pb.Message
}](_ context.Context, msg *message.Message,
) (middleware.Subject, error) {
	payload := P(new(M))
	if err := proto.Unmarshal(msg.Payload, payload); err != nil {
		return middleware.Subject{}, nil //nolint:nilerr // nothing of the record can be read
	}
	m := payload.GetMessage()
	if m == nil {
		return middleware.Subject{Conversation: strings.SplitN(msg.Metadata.Get(mq.KeyMetadata), "#", 2)[0]}, nil
	}
	return middleware.Subject{
		Sender: contracts.UserID(m.GetSenderId()).String(), Conversation: m.GetConversationId(), TempMessageID: m.GetTempMessageId(),
		Content: m.GetContent(),
	}, nil
}
