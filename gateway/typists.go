package gateway

import (
	"sync"
	"time"
)

const (
	// typingInterval is how often a user's typing in one conversation is passed on.
	typingInterval = time.Second
	// maxTypists bounds those who are remembered; beyond it typing is not passed on.
	maxTypists = 1 << 14
	// typistShare is in how many conversations one user may type at the same time, so that
	// nobody takes the places of others.
	typistShare = 16
)

// typists remembers who typed lately on any socket of this gateway; typing is not worth a call to the others. Safe for
// concurrent use.
type typists struct {
	mu    sync.Mutex
	at    map[int64]map[string]time.Time // when it was passed on last, by user and conversation
	count int
	swept time.Time
}

// allow reports whether typing is passed on now, and takes a place for it.
func (t *typists) allow(user int64, conversation string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.at[user][conversation]) < typingInterval {
		return false
	}
	if len(t.at[user]) >= typistShare {
		t.sweepUser(user, now)
	}
	if t.count >= maxTypists && now.Sub(t.swept) >= typingInterval {
		t.swept = now
		for user := range t.at {
			t.sweepUser(user, now)
		}
	}
	_, known := t.at[user][conversation]
	if !known && (t.count >= maxTypists || len(t.at[user]) >= typistShare) {
		return false
	}
	if t.at == nil {
		t.at = map[int64]map[string]time.Time{}
	}
	if t.at[user] == nil {
		t.at[user] = map[string]time.Time{}
	}
	if !known {
		t.count++
	}
	t.at[user][conversation] = now
	return true
}

// undo gives the place back of typing that was refused.
func (t *typists) undo(user int64, conversation string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.at[user][conversation]; there {
		t.drop(user, conversation)
	}
}

func (t *typists) sweepUser(user int64, now time.Time) {
	for conversation, at := range t.at[user] {
		if now.Sub(at) >= typingInterval {
			t.drop(user, conversation)
		}
	}
}

func (t *typists) drop(user int64, conversation string) {
	t.count--
	if delete(t.at[user], conversation); len(t.at[user]) == 0 {
		delete(t.at, user)
	}
}
