package chaos

import (
	"fmt"
	"sync"

	"github.com/gochat/gochat/tests/conform"
)

// contract is read once for all talkers.
var contract = sync.OnceValues(conform.New)

// maxMalformed bounds what a talker keeps: the first few say it all.
const maxMalformed = 10

// judge holds a frame to the contract's file.
func (t *Talker) judge(frame []byte) {
	c, err := contract()
	if err == nil {
		err = c.ServerFrame(frame)
	}
	if err == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.malformed) < maxMalformed {
		t.malformed = append(t.malformed, err.Error())
	}
}

// unformed are the violations of the talker's frames.
func (t *Talker) unformed() []Violation {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Violation
	for _, m := range t.malformed {
		out = append(out, Violation{Promise: WellFormed, Evidence: fmt.Sprintf("to %s: %s", t.Account.Name, m)})
	}
	return out
}
