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
	// accepted is when it was accepted, Unix milliseconds; 0: nobody measures.
	accepted int64
	// trace is the traceparent that the message goes on in, "" when its trace is not kept.
	trace string
	// forms are the frame with all of it and the one without the text of an edit.
	forms [2][]byte
}

// NewPush returns the push of a message to all sockets but one. fresh: it was stored just now,
// so that its way to the sockets is measured; what is pushed once more is not.
// traceParent is its trace, when that is kept.
func NewPush(m *pb.Message, except, traceParent string, fresh bool) *Push {
	p := &Push{message: m, except: except, trace: traceParent}
	if fresh {
		p.accepted = m.GetTimestamp()
	}
	return p
}

// To writes what one gateway gets: everybody on it, or some users, and those who get an edit
// without its text.
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
	// Who sends has read: the sender's other sockets are told. System messages move no position.
	if m.GetMessageType() != contracts.TypeSystem {
		d.ReadBy = m.GetSenderId()
	}
	return d
}
