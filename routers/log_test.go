package routers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// What people write never reaches the log, however an error quotes it and whichever message of a run it is
// from: not while the run is retried, not when it goes back to its lane, and not when a message is given up.
func TestTheLogSaysNothingOfWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	const canary = "the canary's name is \U0001F426 Tweety"
	for name, fail := range map[string]func() error{
		"quoted by a database": func() error {
			return contracts.NewError(contracts.CodeUnavailable, "").WithCause(
				errors.New(`Error 1366: Incorrect string value: '\xF0\x9F\x90\xA6 Tweety' for column 'content' at row 2`))
		},
		"whole":           func() error { return fmt.Errorf("cannot store %s for column 'content'", canary) },
		"as Go quotes it": func() error { return fmt.Errorf("cannot store %q for column 'content'", canary) },
		"of a panic":      func() error { panic(fmt.Sprintf("cannot store %q for column 'content'", canary)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var left atomic.Int64
			left.Store(5) // more failures than retries in place, so that the run goes back to its lane
			b := newPatientBench(t, 0, "sequence", func(h message.HandlerFunc) message.HandlerFunc {
				return func(msg *message.Message) ([]*message.Message, error) {
					items := carrierOf(msg.Context()).env.Items
					if items[len(items)-1].Upstream.GetContent() == canary && left.Add(-1) >= 0 {
						return nil, fail()
					}
					return h(msg)
				}
			})
			b.send("first")
			b.content = canary
			b.send("second", "third")
			b.collect(func(all map[string]*seen) bool {
				ended := 0
				for _, s := range all {
					ended += min(1, s.stored+s.rejected)
				}
				return ended == 3
			})
			said := map[string]bool{}
			for _, e := range b.logs.All() {
				line, err := json.Marshal(e.ContextMap())
				require.NoError(t, err)
				text := e.Message + string(line)
				for _, word := range []string{"canary", "Tweety", "\U0001F426", "F09F90A6", `\xF0`} {
					assert.NotContains(t, text, word)
				}
				if strings.Contains(text, "column 'content'") {
					said[e.Message] = true
				}
			}
			assert.True(t, said["retrying a run"], "it says the rest: %v", said)
			if name != "of a panic" {
				assert.True(t, said["a run failed; its lane tries it again"], "it says the rest: %v", said)
			}
		})
	}
}
