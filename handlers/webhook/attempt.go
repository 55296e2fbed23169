package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// result is how an attempt ended.
type result struct {
	taken *pb.NewsTaken
	// seq is the last number that the receiver has now.
	seq   uint64
	began time.Time
	err   error
	// ours says that err is not the receiver's failure. receiver says that err is about the receiver as a
	// whole, and not about this batch.
	ours, receiver bool
	retryAfter     time.Duration
}

// readMax bounds the contents, in bytes, that one read of a conversation may return.
const readMax = 8 << 20

// attempt reads the messages after a conversation's cursor and posts them as one batch. Unless its result is
// settled in the database, the same batch is posted again.
func (h *hook) attempt(ctx context.Context, taken *pb.NewsTaken, deadline time.Time) result {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	r := result{taken: taken, seq: taken.GetSeqId(), began: time.Now()}
	messages, err := h.read(ctx, taken)
	if err != nil {
		r.err, r.ours = err, true
		return r
	}
	if time.Until(deadline) < h.cfg.Timeout {
		// The lease could end before the answer, and another process would post the same conversation.
		r.err, r.ours = errors.New("too little of the lease is left for a request"), true
		return r
	}
	batch := contracts.WebhookBatch{
		DeliveryID: h.deliveryID(taken, messages), ConversationID: taken.GetConversationId(),
		Messages: make([]contracts.MessageData, len(messages)),
	}
	for i, m := range messages {
		batch.Messages[i] = contracts.NewMessageData(m)
	}
	posted := time.Now()
	answer, err := h.poster.Post(ctx, batch)
	outcome := h.judge(ctx, &r, answer, err)
	if outcome == Taken {
		r.seq = messages[len(messages)-1].GetSeqId()
	}
	h.deps.Observer.Posted(h.name, outcome, time.Since(posted), len(messages))
	return r
}

// read returns the next messages, at least one, in the order of their numbers.
func (h *hook) read(ctx context.Context, taken *pb.NewsTaken) ([]*pb.Message, error) {
	limit := min(h.cfg.Batch, max(1, readMax/h.deps.ContentMax))
	var page *pb.HistoryResponse
	err := bounded(ctx, func(ctx context.Context) (err error) {
		page, err = h.deps.Messages.History(ctx, &pb.HistoryRequest{
			ConversationId: taken.GetConversationId(), HasAfter: true, AfterSeq: taken.GetSeqId(), Limit: int32(limit),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s after %d: %w", taken.GetConversationId(), taken.GetSeqId(), err)
	}
	messages := page.GetMessages()
	if len(messages) == 0 || messages[0].GetSeqId() != taken.GetSeqId()+1 {
		return nil, fmt.Errorf("read %s after %d: the next message is not there", taken.GetConversationId(), taken.GetSeqId())
	}
	bytes := 0
	for i, m := range messages {
		if bytes += len(m.GetContent()); i > 0 && bytes > h.cfg.BatchBytes {
			return messages[:i], nil
		}
	}
	return messages, nil
}

// deliveryID is the same whenever the same messages are posted again, so that a receiver can drop them. A
// replay changes the id, since what is replayed must not be dropped.
func (h *hook) deliveryID(taken *pb.NewsTaken, messages []*pb.Message) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%d\n%d", h.name, taken.GetConversationId(), taken.GetReplays(),
		messages[0].GetSeqId(), messages[len(messages)-1].GetSeqId()))
	return hex.EncodeToString(sum[:16])
}

// The outcomes of a post, as they are counted.
const (
	Taken       = "taken"
	Refused     = "refused"
	Unreachable = "unreachable"
	TimedOut    = "timeout"
	Stopped     = "stopped"
)

// judge returns the outcome of an answer, or of an error instead of one, and notes in r whose failure it is.
func (h *hook) judge(ctx context.Context, r *result, answer Answer, err error) (outcome string) {
	switch {
	case err == nil && answer.Status >= 200 && answer.Status < 300:
		return Taken
	case err == nil:
		r.err = fmt.Errorf("the receiver answered %d %s", answer.Status, http.StatusText(answer.Status))
		r.retryAfter = answer.RetryAfter
		switch answer.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			r.receiver = true
		}
		return Refused
	case errors.Is(ctx.Err(), context.Canceled):
		r.err, r.ours = err, true
		return Stopped
	case errors.Is(err, context.DeadlineExceeded):
		r.err, r.receiver = err, true
		return TimedOut
	}
	r.err, r.receiver = err, true
	return Unreachable
}
