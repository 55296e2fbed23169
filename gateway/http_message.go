package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// messageRoutes are the calls of a user's own sends.
func (g *Gateway) messageRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/messages", scope: scopeUser, handle: g.sendOverHTTP},
		{method: http.MethodGet, path: "/api/messages/outcome", scope: scopeUser, handle: g.outcome},
	}
}

// messageSeq returns the number of the message in the path. Nothing can exist under a
// malformed one.
func (r *caller) messageSeq() (uint64, error) {
	seq, err := strconv.ParseUint(r.Params("seqId"), 10, 63)
	if err != nil {
		return 0, contracts.NewError(contracts.CodeNotFound, "There is no such message.")
	}
	return seq, nil
}

type outcomeView struct {
	Status         string `json:"status"`
	MessageID      string `json:"messageId,omitempty"`
	ConversationID string `json:"conversationId,omitempty"`
	SeqID          uint64 `json:"seqId,omitempty"`
}

// request is the sender of an HTTP send; it gets the result of the publish.
type request chan error

// published implements sender.
func (r request) published(_ string, err error, _ *kicks) { r <- err }

// sendOverHTTP takes a send over HTTP, and answers with its outcome. To the pipeline the request is a connection of its
// own, which gets the outcome in a frame.
func (g *Gateway) sendOverHTTP(r *caller) error {
	var in sendReader
	if err := walkText(r.Body(), in.member); err != nil {
		return contracts.NewError(contracts.CodeInvalidArgument, "The body must be one JSON object: "+err.Error()+".")
	}
	up, bad := in.check(g.tuned().limits, contracts.UserID(r.user))
	if bad != nil {
		return bad
	}
	return g.await(r, up)
}

// await publishes a send, and answers with its outcome, or with unavailable after SendTimeout.
func (g *Gateway) await(r *caller, up *pb.Upstream) error {
	if wait := g.limits.sends.take(r.user); wait > 0 {
		return rateLimited(wait)
	}
	origin := "http-" + g.next()
	outcome, done := g.hub.wait(origin)
	defer done()
	msg, spans, err := g.record(r.UserContext(), up, origin)
	if err != nil {
		return err
	}
	queued := make(request, 1)
	if err := g.upstream.submit(r.ctx, send{msg: msg, tempID: up.GetTempMessageId(), from: queued, spans: spans}); err != nil {
		spans.end(err)
		return err
	}
	late := time.NewTimer(g.cfg.SendTimeout)
	defer late.Stop()
	for {
		select {
		case err := <-queued:
			if err != nil {
				return contracts.NewError(contracts.CodeUnavailable, "").WithCause(fmt.Errorf("publish a send: %w", err))
			}
		case frame := <-outcome:
			return g.outcomeOf(r, frame)
		case <-late.C:
			return contracts.NewError(contracts.CodeUnavailable,
				"The message is not stored yet: send it again with the same tempMessageId.")
		}
	}
}

// outcomeOf answers with the frame that a socket would have got.
func (g *Gateway) outcomeOf(r *caller, text []byte) error {
	var f contracts.Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("decode an outcome: %w", err)
	}
	switch f.Type {
	case contracts.FrameStored:
		return answerJSON(r.Ctx, http.StatusOK, f.Data)
	case contracts.FrameRejected:
		var d contracts.RejectedData
		if err := json.Unmarshal(f.Data, &d); err != nil {
			return fmt.Errorf("decode a rejection: %w", err)
		}
		return contracts.NewError(d.Code, d.Message)
	}
	return fmt.Errorf("the outcome of a send is a %.32q frame", f.Type)
}

func (g *Gateway) outcome(r *caller) error {
	id := strings.Clone(r.Query("tempMessageId"))
	if must := g.tuned().limits.CheckTempMessageID(id); must != "" {
		return contracts.Invalid("tempMessageId", must)
	}
	resp, err := g.deps.Messages.GetOutcome(r.ctx, &pb.GetOutcomeRequest{CallerId: r.user, TempMessageId: id})
	if err != nil {
		return err
	}
	if !resp.GetStored() {
		return answer(r.Ctx, http.StatusOK, outcomeView{Status: "unknown"})
	}
	m := resp.GetMessage()
	return answer(r.Ctx, http.StatusOK, outcomeView{
		Status: "stored", MessageID: contracts.MessageID(m.GetMessageId()).String(),
		ConversationID: m.GetConversationId(), SeqID: m.GetSeqId(),
	})
}
