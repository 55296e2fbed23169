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
	// NewestAt and Number are those of the block after which the range begins.
	NewestAt int64
	Number   uint64
	// NotAfter leaves out blocks whose messages are all newer.
	NotAfter int64
	Limit    int
}

// SearchIndex keeps the search index. A block may have grams that no message of it has any more, but
// never lacks those of a message that Merge or Rebuild has covered.
type SearchIndex interface {
	// Merge adds the grams of blocks to those that are stored. It is idempotent, and calls may come
	// in any order.
	Merge(ctx context.Context, blocks []Block) error
	// Rebuild replaces blocks by what their messages contain now.
	Rebuild(ctx context.Context, keys []BlockKey) error
	// Backfill rebuilds up to limit blocks from where the last call ended, and returns how many;
	// done: the last conversation is reached.
	Backfill(ctx context.Context, limit int) (blocks int, done bool, err error)
	// RestartBackfill lets the next Backfill begin at the first conversation.
	RestartBackfill(ctx context.Context) error
}

// SearchReader reads through the search index.
type SearchReader interface {
	// Searchable lists the conversations that a user is in, or the one that is named,
	// the newest message first. JoinSeq is the number at and below which the user may read nothing.
	Searchable(ctx context.Context, userID int64, conversationID string) ([]Conversation, error)
	// Blocks reads one list of blocks for each range, in order.
	Blocks(ctx context.Context, ranges []BlockRange) ([][]Block, error)
	// Current reads one list of messages for each span, in order, from the primary: a replica may
	// have messages from before a change.
	Current(ctx context.Context, spans []Span) ([][]Message, error)
}
