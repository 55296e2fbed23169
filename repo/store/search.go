package store

import "context"

// BlockSize is how many consecutive messages share one row of the search index.
const BlockSize = 64

// BlockKey names a block: the messages with Number×BlockSize < seq <= (Number+1)×BlockSize.
type BlockKey struct {
	ConversationID string
	Number         uint64
}

// BlockOf returns the block of a message.
func BlockOf(conversationID string, seq uint64) BlockKey {
	return BlockKey{ConversationID: conversationID, Number: (seq - 1) / BlockSize}
}

// Span returns the block's messages.
func (k BlockKey) Span() Span {
	return Span{ConversationID: k.ConversationID, From: k.Number * BlockSize, To: (k.Number + 1) * BlockSize}
}

// Block is what the search index has of a block.
type Block struct {
	BlockKey
	// NewestAt and OldestAt are of its indexed messages, in Unix milliseconds.
	NewestAt, OldestAt int64
	// Grams is a set of package search.
	Grams []byte
}

// BlockRange asks for blocks of a conversation, the greatest (NewestAt, Number) first.
type BlockRange struct {
	ConversationID string
	// NewestAt and Number are of the block behind which the range begins.
	NewestAt int64
	Number   uint64
	// NotAfter leaves out blocks whose messages are all newer.
	NotAfter int64
	Limit    int
}

// SearchIndex keeps the search index. What it has of a block may be too much, never
// too little once it was told of a message.
type SearchIndex interface {
	// Merge adds to blocks what is new in them. Idempotent; in any order.
	Merge(ctx context.Context, blocks []Block) error
	// Rebuild makes blocks anew from their messages.
	Rebuild(ctx context.Context, keys []BlockKey) error
	// Backfill rebuilds up to limit blocks from where the last call ended. Blocks is
	// how many; done says that it has reached the end.
	Backfill(ctx context.Context, limit int) (blocks int, done bool, err error)
	// RestartBackfill lets the next Backfill begin at the first conversation.
	RestartBackfill(ctx context.Context) error
}

// SearchReader reads through the search index.
type SearchReader interface {
	// Searchable lists the conversations that a user is in, or the one that is named,
	// the newest message first. JoinSeq is where the reader may read from.
	Searchable(ctx context.Context, userID int64, conversationID string) ([]Conversation, error)
	// Blocks reads one run of blocks per range, in order.
	Blocks(ctx context.Context, ranges []BlockRange) ([][]Block, error)
	// Current reads one run of messages per span, in order, as they are now: a replica
	// may not know yet that one was changed.
	Current(ctx context.Context, spans []Span) ([][]Message, error)
}
