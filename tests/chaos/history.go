// Package chaos kills, stops and starves one running server under load, and compares what its clients
// saw with what is stored. tests/cluster does so with a cluster, by the same Judge.
package chaos

import (
	"fmt"
	"sync"

	"github.com/gochat/gochat/tests/client"
)

// Kind is the kind of an event in a client's log.
type Kind string

// The kinds. A send is invoked once, however often the client repeats it.
// Accepted, stored and rejected are answers of the server; a message is received
// by a push or a pull.
const (
	Invoked  Kind = "invoked"
	Accepted Kind = "accepted"
	Stored   Kind = "stored"
	Rejected Kind = "rejected"
	Received Kind = "received"
)

// Event is one line of a client's log.
type Event struct {
	Kind   Kind
	Client string // user id
	// TempID is the tempMessageId of a send.
	TempID string
	// Message is set for received messages. Of an invoked send it has the content, of a stored one the ids.
	Message client.Message
}

// Log has the events that one client saw. Safe for concurrent use.
type Log struct {
	mu     sync.Mutex
	events []Event
}

// Add appends an event.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// Events returns a copy of all events so far.
func (l *Log) Events() []Event { return l.Since(0) }

// Since returns a copy of the events after the first n.
func (l *Log) Since(n int) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events[n:]...)
}

// Truth is the stored state at the end, which Judge compares the logs with.
type Truth struct {
	// Histories are the messages of each conversation, by conversation id.
	Histories map[string][]client.Message
	// Members are the user ids of each conversation's members, by conversation id.
	Members map[string][]string
}

// Violation is a broken promise, with the evidence.
type Violation struct {
	Promise  string
	Evidence string
}

func (v Violation) String() string { return v.Promise + ": " + v.Evidence }

// Judge checks the logs of clients, by user id, against truth and returns every
// violation. The logs must be complete: each client has pulled everything.
func Judge(logs map[string][]Event, truth Truth) []Violation {
	j := &judge{truth: truth, byKey: map[key]client.Message{}, bySeq: map[place]client.Message{}}
	j.histories()
	for user, events := range logs {
		j.sends(user, events)
		j.received(user, events)
	}
	j.complete(logs)
	return j.found
}

type key struct{ sender, tempID string }

type place struct {
	conversation string
	seq          uint64
}

type judge struct {
	truth Truth
	found []Violation
	byKey map[key]client.Message
	bySeq map[place]client.Message
}

func (j *judge) add(promise, format string, args ...any) {
	j.found = append(j.found, Violation{promise, fmt.Sprintf(format, args...)})
}

// The promises, as violations name them.
const (
	NoHole      = "one order: a history is 1..n without a hole"
	NoTwice     = "nothing twice"
	KeptStore   = "nothing lost: what was stored is in history, as it was said"
	KeptAck     = "nothing lost: what was accepted is stored or rejected"
	SameForAl   = "one order: all see the same message at the same seqId"
	Everyone    = "everyone gets it"
	NobodyEls   = "nobody else gets it"
	NotBoth     = "a send has one outcome"
	WellFormed  = "every frame is as asyncapi.yaml says"
	ExactUnread = "unread counts the messages after the read position"
)

func (j *judge) histories() {
	ids := map[string]string{}
	for conv, list := range j.truth.Histories {
		for i, m := range list {
			where := fmt.Sprintf("%s/%d", conv, m.SeqID)
			if m.SeqID != uint64(i+1) {
				j.add(NoHole, "place %d of %s holds seqId %d", i+1, conv, m.SeqID)
			}
			k := key{m.SenderID, m.TempMessageID}
			if other, twice := j.byKey[k]; twice {
				j.add(NoTwice, "%s of user %s is at %s/%d and at %s", m.TempMessageID, m.SenderID, other.ConversationID, other.SeqID, where)
			}
			if other, twice := ids[m.MessageID]; twice {
				j.add(NoTwice, "messageId %s is at %s and at %s", m.MessageID, other, where)
			}
			ids[m.MessageID] = where
			j.byKey[k] = m
			j.bySeq[place{conv, m.SeqID}] = m
		}
	}
}

// sends checks the outcomes of one client's own sends.
func (j *judge) sends(user string, events []Event) {
	accepted, outcome := map[string]bool{}, map[string]Kind{}
	for _, e := range events {
		switch e.Kind {
		case Accepted:
			accepted[e.TempID] = true
		case Stored:
			if outcome[e.TempID] == Rejected {
				j.add(NotBoth, "%s of user %s was rejected and is stored", e.TempID, user)
			}
			outcome[e.TempID] = Stored
			j.stored(user, e)
		case Rejected:
			if outcome[e.TempID] == Stored {
				j.add(NotBoth, "%s of user %s was stored and is rejected", e.TempID, user)
			}
			outcome[e.TempID] = Rejected
			if m, there := j.byKey[key{user, e.TempID}]; there {
				j.add(NotBoth, "%s of user %s was rejected and is at %s/%d", e.TempID, user, m.ConversationID, m.SeqID)
			}
		case Invoked:
			j.said(user, e)
		case Received:
		}
	}
	for id := range accepted {
		if _, there := j.byKey[key{user, id}]; !there && outcome[id] != Rejected {
			j.add(KeptAck, "%s of user %s was accepted and is not in history", id, user)
		}
	}
}

// said compares what a client sent with what was stored, if it was: content that is damaged before it is stored is the
// same for all who read it.
func (j *judge) said(user string, e Event) {
	if m, there := j.byKey[key{user, e.TempID}]; there && !m.Expired && m.Content != e.Message.Content {
		j.add(KeptStore, "%s of user %s was sent as %q and history has %q", e.TempID, user, e.Message.Content, m.Content)
	}
}

func (j *judge) stored(user string, e Event) {
	m, there := j.byKey[key{user, e.TempID}]
	said := e.Message
	if !there {
		j.add(KeptStore, "%s of user %s was stored as %s at %s/%d and is gone", e.TempID, user, said.MessageID, said.ConversationID, said.SeqID)
		return
	}
	if m.MessageID != said.MessageID || m.SeqID != said.SeqID || m.ConversationID != said.ConversationID {
		j.add(KeptStore, "%s of user %s was stored as %s at %s/%d and history has %s at %s/%d", e.TempID, user,
			said.MessageID, said.ConversationID, said.SeqID, m.MessageID, m.ConversationID, m.SeqID)
	}
}

// received checks the messages that one client received.
func (j *judge) received(user string, events []Event) {
	for _, e := range events {
		if e.Kind != Received {
			continue
		}
		if !j.member(e.Message.ConversationID, user) {
			j.add(NobodyEls, "user %s got %s/%d and is not in it", user, e.Message.ConversationID, e.Message.SeqID)
		}
		if m := j.bySeq[place{e.Message.ConversationID, e.Message.SeqID}]; m != e.Message {
			j.add(SameForAl, "user %s saw %+v where history has %+v", user, e.Message, m)
		}
	}
}

func (j *judge) member(conversation, user string) bool {
	for _, m := range j.truth.Members[conversation] {
		if m == user {
			return true
		}
	}
	return false
}

// complete checks that every member with a log has every message, as sender or receiver.
func (j *judge) complete(logs map[string][]Event) {
	for conv, members := range j.truth.Members {
		for _, user := range members {
			events, known := logs[user]
			if !known {
				continue
			}
			has := map[uint64]bool{}
			for _, e := range events {
				if (e.Kind == Received || e.Kind == Stored) && e.Message.ConversationID == conv {
					has[e.Message.SeqID] = true
				}
			}
			missing := 0
			for _, m := range j.truth.Histories[conv] {
				if !has[m.SeqID] {
					missing++
				}
			}
			if missing > 0 {
				j.add(Everyone, "user %s lacks %d of %d messages of %s", user, missing, len(j.truth.Histories[conv]), conv)
			}
		}
	}
}
