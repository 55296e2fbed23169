package gateway

import (
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// changeOf reads a change of a message. The conversation and the number come from the path
// when there is one, else from the body.
func changeOf(b *body, limits contracts.Limits, sender int64, conv string, seq uint64) (*pb.Upstream, error) {
	if conv == "" {
		conv = b.conversation()
		seq = b.requiredCount("seqId")
	}
	kind, known := contracts.ChangeKinds[b.required("change")]
	if _, wrong := b.wrong["change"]; !known && !wrong {
		b.bad("change", "recall, edit, react or unreact")
	}
	ch := &pb.Change{Kind: kind, SeqId: seq}
	note := func(name, must string) {
		if _, wrong := b.wrong[name]; must != "" && !wrong {
			b.bad(name, must)
		}
	}
	switch kind {
	case pb.Change_KIND_EDIT:
		ch.Content = b.required("content")
		note("content", limits.CheckContent(ch.GetContent()))
	case pb.Change_KIND_REACT, pb.Change_KIND_UNREACT:
		check := limits.CheckReaction
		if kind == pb.Change_KIND_UNREACT {
			check = limits.CheckReactionBack
		}
		reaction := b.required("reaction")
		note("reaction", check(reaction))
		ch.Reaction = contracts.CanonicalReaction(reaction)
	}
	for _, name := range []string{"content", "reaction"} {
		b.optional(name) // must be a string even where this kind of change does not use it
	}
	temp := b.required("tempMessageId")
	note("tempMessageId", limits.CheckTempMessageID(temp))
	if err := b.frameErr(); err != nil {
		return nil, err
	}
	return &pb.Upstream{
		SenderId: sender, ConversationId: conv, TempMessageId: temp, AcceptedAt: time.Now().UnixMilli(), Change: ch,
	}, nil
}

// changeMessage takes one change-message from the socket. It is answered like a send.
func (c *conn) changeMessage(data value) {
	b, err := parseData(data)
	if err != nil {
		c.fail(contracts.AsError(err), contracts.FrameChange)
		return
	}
	up, err := changeOf(b, c.g.tuned().limits, c.user, "", 0)
	if err != nil {
		c.rejectOrFail(contracts.AsError(err), b.plain("tempMessageId"))
		return
	}
	c.submit(up)
}

// changeOverHTTP takes a change over HTTP, and answers with its outcome.
func (g *Gateway) changeOverHTTP(r *caller) error {
	conv, err := r.conversationID()
	if err != nil {
		return err
	}
	seq, err := r.messageSeq()
	if err != nil {
		return err
	}
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	up, err := changeOf(b, g.tuned().limits, r.user, conv, seq)
	if err != nil {
		return err
	}
	return g.await(r, up)
}
