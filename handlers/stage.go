// Package handlers holds GoChat's business logic. The stages of the message
// pipeline are in one package each; this package is what they share: the
// envelope that a run of messages travels in and the shape of a stage. Nothing
// here knows a queue, a router or a database.
package handlers

import "context"

// Handler handles one envelope. An error is about the whole envelope, which is tried again later, so every
// stage must be idempotent. A single message that can never be stored is not an error: its stage calls
// [Item.Reject].
type Handler func(ctx context.Context, env *Envelope) error

// Stage is one step of the pipeline: it does its work on the envelope, then
// calls next.
type Stage func(next Handler) Handler

// Before makes a stage of work that is done before the rest of the pipeline.
func Before(work Handler) Stage {
	return func(next Handler) Handler {
		return func(ctx context.Context, env *Envelope) error {
			if err := work(ctx, env); err != nil {
				return err
			}
			return next(ctx, env)
		}
	}
}
