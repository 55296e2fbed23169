package chaos

import (
	"fmt"
	"sync"

	"github.com/gochat/gochat/tests/conform"
)

// contract is the contract of frames, read once for all talkers.
var contract = sync.OnceValues(conform.New)

// maxMalformed bounds the malformed frames that a talker reports.
const maxMalformed = 10

// judge checks a frame against asyncapi.yaml and records an error.
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

// unformed returns the violations of WellFormed that the talker recorded.
func (t *Talker) unformed() []Violation {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Violation
	for _, m := range t.malformed {
		out = append(out, Violation{Promise: WellFormed, Evidence: fmt.Sprintf("to %s: %s", t.Account.Name, m)})
	}
	return out
}
