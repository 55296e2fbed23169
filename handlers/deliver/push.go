package deliver

import (
	"context"
	"math"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Push is a stored message on its way to members' sockets, each of its forms encoded once.
type Push struct {
	message *pb.Message
	// except is the sending socket.
	except string
	// accepted is when the message was accepted, Unix milliseconds; 0: its way to the sockets is not measured.
	accepted int64
	// trace is the message's traceparent; "" when its trace is not kept.
	trace string
	// forms are the encoded frames: the whole message, and an edit without its text. Each is made when it is
	// needed.
	forms [2][]byte
}

// NewPush returns the push of a message to all sockets but one. fresh says that the message was stored just
// now: only then its way to the sockets is measured, and not when it is pushed once more. traceParent is ""
// when the message's trace is not kept.
func NewPush(m *pb.Message, except, traceParent string, fresh bool) *Push {
	p := &Push{message: m, except: except, trace: traceParent}
	if fresh {
		p.accepted = m.GetTimestamp()
	}
	return p
}

// To writes the push for one gateway: the whole message for everybody on it or for users, and the form without
// an edit's text for bare.
func (p *Push) To(ctx context.Context, w *Writer, gateway string, everyone bool, users, bare []int64) error {
	if everyone || len(users) > 0 {
		d := p.delivery(0, users)
		d.Everyone = everyone
		if err := w.Push(ctx, gateway, d); err != nil {
			return err
		}
	}
	if len(bare) == 0 {
		return nil
	}
	return w.Push(ctx, gateway, p.delivery(1, bare))
}

func (p *Push) delivery(form int, users []int64) *pb.Delivery {
	m := p.message
	if p.forms[form] == nil {
		readable := m
		if form == 1 {
			readable = contracts.Readable(m, math.MaxUint64)
		}
		p.forms[form] = contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(readable))
	}
	d := &pb.Delivery{
		UserIds: users, ExceptConnectionId: p.except, Class: pb.Delivery_CLASS_PUSH, FrameType: contracts.FrameNew, Frame: p.forms[form],
		ConversationId: m.GetConversationId(), SeqId: m.GetSeqId(), AcceptedAt: p.accepted, TraceParent: p.trace,
	}
	// A sender has read up to their own message: their other sockets are told. System messages move no read
	// position.
	if m.GetMessageType() != contracts.TypeSystem {
		d.ReadBy = m.GetSenderId()
	}
	return d
}
