package powerloss

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

func written(seq int) client.Message {
	return client.Message{
		ConversationID: "world", SeqID: uint64(seq), MessageID: fmt.Sprint(1000 + seq), SenderID: "1",
		TempMessageID: fmt.Sprint("key-", seq), Content: fmt.Sprint("text ", seq),
	}
}

func history(from, to int) (list []client.Message) {
	for n := from; n <= to; n++ {
		list = append(list, written(n))
	}
	return list
}

// TestTheBookFindsWhatALossTakes: the book reports each kind of damage to a message that somebody has seen, and
// reports nothing for an undamaged history.
func TestTheBookFindsWhatALossTakes(t *testing.T) {
	t.Parallel()
	stored := chaos.Event{Kind: chaos.Stored, TempID: "key-7", Message: client.Message{ConversationID: "world", SeqID: 7, MessageID: "1007"}}
	received := chaos.Event{Kind: chaos.Received, Message: written(6)}
	with := func(change func([]client.Message)) []client.Message {
		list := history(1, 8)
		change(list)
		return list
	}
	for want, second := range map[string][]client.Message{
		"":                         history(1, 8),
		"had 5 messages and has 4": history(1, 4),
		"was":                      with(func(l []client.Message) { l[2].Content = "another" }),
		"is number 5":              with(func(l []client.Message) { l[3].SeqID = 5 }),
		"clock of ids":             with(func(l []client.Message) { l[7].MessageID = "1003" }),
		"of user 1 is at":          with(func(l []client.Message) { l[7].TempMessageID = "key-2" }),
		"told of world/7":          history(1, 6),
		"told that key-7":          with(func(l []client.Message) { l[6].MessageID = "1500"; l[7].MessageID = "1501" }),
		"saw":                      with(func(l []client.Message) { l[5].Content = "another" }),
	} {
		b := newBook()
		b.enter("world", 0, history(1, 5))
		b.enter("world", b.from("world"), second)
		b.hold("1", []chaos.Event{{Kind: chaos.Invoked}, {Kind: chaos.Accepted, TempID: "key-9"}})
		if want != "had 5 messages and has 4" && want != "is number 5" {
			b.hold("1", []chaos.Event{stored, received})
		}
		if want == "" {
			assert.Empty(t, b.wrong)
			continue
		}
		if assert.Len(t, b.wrong, 1, want) {
			assert.Contains(t, b.wrong[0], want)
		}
	}
}
