package gateway

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/obs"
)

// sendMessage takes one send-message from the socket.
func (c *conn) sendMessage(data value) {
	var r sendReader
	if !data.isObject() {
		if c.allowFrame(contracts.FrameSend) {
			c.fail(contracts.Invalid("data", "an object"), contracts.FrameSend)
		}
		return
	}
	malformed := walkValue(data, r.member)
	if !c.allowFrame(r.TempMessageID) {
		return
	}
	if malformed != nil {
		c.fail(contracts.NewError(contracts.CodeInvalidArgument, "The data is not valid: "+malformed.Error()+"."), printable(r.TempMessageID))
		return
	}
	up, bad := r.check(c.g.tuned().limits, contracts.UserID(c.user))
	if bad != nil {
		c.rejectOrFail(bad, r.TempMessageID)
		return
	}
	c.submit(up)
}

// rejectOrFail answers a wrong send: by message-rejected when its tempMessageId is valid, and by an error frame if not.
func (c *conn) rejectOrFail(bad *contracts.Error, tempID string) {
	if c.g.tuned().limits.CheckTempMessageID(tempID) == "" {
		c.reject(bad, tempID)
	} else {
		c.fail(bad, printable(tempID))
	}
}

// submit hands a send to upstream; published answers it once the message queue has confirmed.
func (c *conn) submit(up *pb.Upstream) {
	if !c.allowSend(up.GetTempMessageId()) {
		return
	}
	msg, spans, err := c.g.record(context.Background(), up, c.id)
	if err != nil {
		c.fail(c.told(obs.WithCaller(context.Background(), c.caller()), err, contracts.FrameSend), up.GetTempMessageId())
		return
	}
	// While the reader waits here, it sees no ping: the silence is not the client's fault.
	c.seen.Store(math.MaxInt64)
	c.unacked <- struct{}{}
	err = c.g.upstream.submit(context.Background(), send{msg: msg, tempID: up.GetTempMessageId(), from: c, spans: spans})
	c.seen.Store(time.Now().UnixMilli())
	if err != nil { // the gateway has stopped
		spans.end(err)
		<-c.unacked
		c.fail(contracts.NewError(contracts.CodeUnavailable, ""), up.GetTempMessageId())
	}
}

// published implements sender: the ack goes out only after the queue has confirmed.
func (c *conn) published(tempID string, err error, kick *kicks) {
	var f frame
	typ := contracts.FrameAck
	if err == nil {
		f.raw = ackFrame(tempID)
	} else {
		typ = contracts.FrameError
		e := contracts.NewError(contracts.CodeUnavailable, "")
		f.raw = textFrame(typ, contracts.ErrorData{Code: e.Code, Message: e.Message, Ref: tempID})
	}
	f.class = serverFrames[typ].class
	if c.push(f, kick) > 0 {
		c.g.metrics.sent(typ, 1)
	}
	<-c.unacked
}

// record makes the upstream record of a send, and begins the spans that end when it is published.
func (g *Gateway) record(ctx context.Context, up *pb.Upstream, origin string) (*message.Message, sending, error) {
	payload, err := proto.Marshal(up)
	if err != nil {
		return nil, sending{}, errors.Join(contracts.Invalid("content", "valid UTF-8"), err)
	}
	// Nobody acknowledges what is published, so that it needs none of NewMessage's channels.
	msg := &message.Message{UUID: g.next(), Payload: payload, Metadata: message.Metadata{
		mq.KeyMetadata:                 up.GetConversationId(),
		contracts.MetaSchema:           contracts.SchemaVersion,
		contracts.MetaOriginGateway:    g.id,
		contracts.MetaOriginConnection: origin,
	}}
	mq.WithDecoded(msg, up)
	ctx, spans := g.beginSend(ctx, up)
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(msg.Metadata)) // kept or not: log lines are found by the trace id
	return msg, spans, nil
}
