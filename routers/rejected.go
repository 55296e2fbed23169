package routers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/routers/middleware"
)

// noteRejected comes after the last stage and logs, at the level debug, why messages will never be stored. The
// client is told the reason, and an operator finds the line by the trace, or by the sender and the
// tempMessageId. A run that comes again is logged again.
func noteRejected(log *zap.Logger) message.HandlerMiddleware {
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			if !log.Core().Enabled(zap.DebugLevel) {
				return h(msg)
			}
			run := mq.Run(msg)
			for _, it := range carrierOf(msg.Context()).env.Items {
				if it.Filler() {
					continue // a filler has no record in the run
				}
				record := run[0]
				run = run[1:]
				if it.State() != handlers.StateRejected {
					continue
				}
				log.Debug("a message was rejected", zap.Int64(obs.FieldUser, it.Upstream.GetSenderId()),
					zap.String(obs.FieldRequest, it.Origin.ConnectionID), zap.String("conversation", it.Upstream.GetConversationId()), zap.String("temp_message_id", it.Upstream.GetTempMessageId()),
					zap.String("code", string(it.Reason().Code)), zap.String("why", it.Reason().Message),
					zap.String(obs.FieldTrace, middleware.TraceOf(record)))
			}
			return h(msg)
		}
	}
}
