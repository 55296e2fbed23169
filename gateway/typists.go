package gateway

import (
	"maps"
	"sync"
	"time"
)

const (
	// typingInterval is how often a user's typing in one conversation is passed on.
	typingInterval = time.Second
	// maxTypists bounds those who are remembered; beyond it typing is not passed on.
	maxTypists = 1 << 14
)

// typist is somebody who types somewhere.
type typist struct {
	user         int64
	conversation string
}

// typists remembers who typed lately, on any socket: on this gateway, since typing is
// not worth a question to others. Safe for concurrent use.
type typists struct {
	mu    sync.Mutex
	at    map[typist]time.Time // when it was passed on last
	swept time.Time
}

// allow reports whether typing is passed on now.
func (t *typists) allow(who typist, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.at[who]) < typingInterval {
		return false
	}
	if len(t.at) >= maxTypists && now.Sub(t.swept) >= typingInterval {
		t.swept = now
		maps.DeleteFunc(t.at, func(_ typist, at time.Time) bool { return now.Sub(at) >= typingInterval })
	}
	if len(t.at) >= maxTypists {
		return false
	}
	if t.at == nil {
		t.at = map[typist]time.Time{}
	}
	t.at[who] = now
	return true
}
