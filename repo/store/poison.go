package store

import "context"

// Poison keeps records of the message queue that can never be handled, until a person has
// decided about them. Errors wrap ErrUnavailable when trying again may help.
type Poison interface {
	// KeepPoison keeps records. A record with the UUID and the group of a kept one is skipped.
	KeepPoison(ctx context.Context, records []PoisonRecord) error
	// RequeuedPoison returns up to limit whole records that an operator wants back in their topics,
	// in the order in which they were asked for, then by id. A record whose sender was told that
	// the message will never be stored is left out.
	RequeuedPoison(ctx context.Context, limit int) ([]PoisonRecord, error)
	// ForgetPoison deletes records and returns how many it deleted.
	ForgetPoison(ctx context.Context, ids []int64) (int64, error)
}

// PoisonRecord is a record that was given up, and why.
type PoisonRecord struct {
	ID   int64
	UUID string
	// Group is the consumer group that gave the record up, Topic the topic of the record.
	Group, Topic string
	// Reason is a word, Error the text.
	Reason, Error string
	// Sender, Conversation and TempMessageID are those of the record's message, as far as known;
	// Told is what the sender was told.
	Sender, Conversation, TempMessageID, Told string
	TraceID                                   string
	// PoisonedAt is when the record was given up. RequeuedAt is when an operator asked for it back
	// in its topic; 0: nobody did. Both are in Unix milliseconds.
	PoisonedAt, RequeuedAt int64
	// Size is the length of the payload in bytes. Lists have neither metadata nor payload.
	Size     int64
	Metadata map[string]string
	Payload  []byte
}
