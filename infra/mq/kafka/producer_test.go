package kafka

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/infra/mq"
)

func TestWhatTheDirectoryRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory()
		look := func(there, fresh bool, when string) {
			t.Helper()
			s, f := d.look("topic")
			assert.Equal(t, [2]bool{there, fresh}, [2]bool{s.there, f}, when)
		}
		look(false, false, "never seen")
		d.note("topic", true)
		look(true, true, "just seen")
		time.Sleep(thereFor)
		look(true, false, "one asks")
		look(true, true, "the others do not")
		d.note("topic", false)
		look(false, true, "just lost")
		time.Sleep(missingFor)
		look(false, false, "it may be there by now")

		for i := range 1000 {
			d.note(fmt.Sprint(i), false)
			time.Sleep(missingFor / 10)
		}
		assert.Less(t, len(d.seen), 20, "what is missing does not pile up")
	})
}

func TestAReceiptKeepsWhatSaysMost(t *testing.T) {
	gone := &goneError{topic: "topic"}
	away := errors.New("away")
	for name, c := range map[string]struct {
		outcomes []error
		want     error
	}{
		"all is well":             {[]error{nil, nil, nil}, nil},
		"one failed":              {[]error{nil, away, nil}, away},
		"the fault of a record":   {[]error{away, gone, away}, gone},
		"of two faults the first": {[]error{nil, gone, mq.ErrTooLarge}, gone},
	} {
		t.Run(name, func(t *testing.T) {
			released := 0
			r := newReceipt(len(c.outcomes), func() { released++ })
			for i, err := range c.outcomes {
				select {
				case <-r.done:
					assert.Fail(t, "done", "after %d outcomes", i)
				default:
				}
				r.sign(1, err)
			}
			<-r.done
			assert.Equal(t, c.want, r.outcome())
			assert.Equal(t, 1, released)
		})
	}
}

func TestWhatIsFinal(t *testing.T) {
	for err, want := range map[error]bool{
		&goneError{topic: "topic"}:              true,
		fmt.Errorf("x: %w", mq.ErrUnknownTopic): true,
		fmt.Errorf("x: %w", mq.ErrTooLarge):     true,
		sarama.ErrNotEnoughReplicas:             false,
		sarama.ErrOutOfBrokers:                  false,
		sarama.ErrTransactionNotReady:           false,
	} {
		assert.Equal(t, want, final(err), "%v", err)
	}
}
