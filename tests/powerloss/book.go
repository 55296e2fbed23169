package powerloss

import (
	"fmt"
	"strconv"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

// overlap is how many of a conversation's known messages are read and compared again after each loss.
const overlap = 100

// sending is an idempotency key: only one message may have it.
type sending struct{ sender, key string }

// book compares the histories after each loss with those after earlier losses, and with the answers that clients got
// in between: a message that anybody has seen must stay, with its number.
type book struct {
	seen  map[string][]client.Message // by conversation, from number 1 on
	keys  map[sending]string          // conversation/number of each key's message
	wrong []string
}

func newBook() *book {
	return &book{seen: map[string][]client.Message{}, keys: map[sending]string{}}
}

func (b *book) add(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// from returns the number after which a conversation is to be read for enter.
func (b *book) from(conversation string) uint64 {
	return uint64(max(0, len(b.seen[conversation])-overlap))
}

// enter takes the part of a history after a number, checks it against the known messages, and adds the new ones.
func (b *book) enter(conversation string, after uint64, history []client.Message) {
	known := b.seen[conversation]
	if have := int(after) + len(history); have < len(known) {
		b.add("%s had %d messages and has %d", conversation, len(known), have)
		return
	}
	for n, m := range history {
		number := after + uint64(n) + 1
		where := fmt.Sprintf("%s/%d", conversation, number)
		switch {
		case m.SeqID != number:
			b.add("at %s is number %d", where, m.SeqID)
			return
		case number <= uint64(len(known)) && known[number-1] != m:
			b.add("at %s was %+v and is %+v", where, known[number-1], m)
		case number > uint64(len(known)):
			b.next(where, known, m)
			known = append(known, m)
		}
	}
	b.seen[conversation] = known
}

// next checks a message that is new in a history.
func (b *book) next(where string, before []client.Message, m client.Message) {
	if len(before) > 0 && id(m) <= id(before[len(before)-1]) {
		b.add("the id of %s is %s, after %s: the clock of ids went back", where, m.MessageID, before[len(before)-1].MessageID)
	}
	s := sending{m.SenderID, m.TempMessageID}
	if other, twice := b.keys[s]; twice {
		b.add("%s of user %s is at %s and at %s", s.key, s.sender, other, where)
	}
	b.keys[s] = where
}

func id(m client.Message) uint64 {
	n, err := strconv.ParseUint(m.MessageID, 10, 64)
	if err != nil {
		return 0 // not an id, so next reports it unless it is the first
	}
	return n
}

// hold checks the events of a client's log against the histories, which must have been read after these events.
func (b *book) hold(user string, events []chaos.Event) {
	for _, e := range events {
		if e.Kind != chaos.Stored && e.Kind != chaos.Received {
			continue
		}
		said := e.Message
		list := b.seen[said.ConversationID]
		if said.SeqID == 0 || said.SeqID > uint64(len(list)) {
			b.add("user %s was told of %s/%d, which is gone (%s): %+v", user, said.ConversationID, said.SeqID, e.Kind, said)
			continue
		}
		is := list[said.SeqID-1]
		switch {
		case e.Kind == chaos.Received && is != said:
			b.add("user %s saw %+v where history has %+v", user, said, is)
		case e.Kind == chaos.Stored && (is.MessageID != said.MessageID || is.TempMessageID != e.TempID || is.SenderID != user):
			b.add("user %s was told that %s is stored as %s at %s/%d, where history has %+v", user, e.TempID, said.MessageID,
				said.ConversationID, said.SeqID, is)
		}
	}
}
