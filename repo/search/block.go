package search

import (
	"slices"
	"strings"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// Found reports whether a message can be found at all: a system message says what
// happened, not what somebody wrote, and one that was taken back says nothing.
func Found(m *store.Message) bool { return m.Type != contracts.TypeSystem && m.Content != "" }

// Blocks returns what the index has to have of messages, block by block in the order of
// CompareKeys.
func Blocks(messages []store.Message) []store.Block {
	by := map[store.BlockKey][]int{}
	for i := range messages {
		if m := &messages[i]; Found(m) && m.Seq > 0 {
			k := store.BlockOf(m.ConversationID, m.Seq)
			by[k] = append(by[k], i)
		}
	}
	out := make([]store.Block, 0, len(by))
	var grams Builder
	for key, at := range by {
		first := messages[at[0]].Timestamp
		b := store.Block{BlockKey: key, NewestAt: first, OldestAt: first}
		for _, i := range at {
			b.NewestAt, b.OldestAt = max(b.NewestAt, messages[i].Timestamp), min(b.OldestAt, messages[i].Timestamp)
			grams.Add(Fold(messages[i].Content))
		}
		b.Grams = grams.Take()
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b store.Block) int { return CompareKeys(a.BlockKey, b.BlockKey) })
	return out
}

// CompareKeys is the order in which all processes lock blocks, so that they do not deadlock.
func CompareKeys(a, b store.BlockKey) int {
	if c := strings.Compare(a.ConversationID, b.ConversationID); c != 0 {
		return c
	}
	return int(a.Number) - int(b.Number) //nolint:gosec // a conversation has less than 2^62 messages
}

// Merge returns the block with the times and grams of both a and b, which are of the same block.
func Merge(a, b store.Block) store.Block {
	a.NewestAt, a.OldestAt = max(a.NewestAt, b.NewestAt), min(a.OldestAt, b.OldestAt)
	a.Grams = Union(a.Grams, b.Grams)
	return a
}
