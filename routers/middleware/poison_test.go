package middleware

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// grave is where records are buried.
type grave struct {
	uuids  []string
	counts map[string]int
}

func (g *grave) Publish(_ string, msgs ...*message.Message) error {
	for _, m := range msgs {
		g.uuids = append(g.uuids, m.UUID)
	}
	return nil
}

func (g *grave) Close() error { return nil }

// rig is the middleware around a handler of single messages, with a clock of its own.
type rig struct {
	*burial
	grave   *grave
	clock   time.Time
	handled []string
}

func newRig(of func(uuid string) error) *rig {
	r := &rig{grave: &grave{counts: map[string]int{}}, clock: time.Unix(1, 0)}
	p := Poison{
		Publisher: r.grave, Topic: "poison", After: time.Minute, Log: zap.NewNop(),
		Count: func(_, reason string) { r.grave.counts[reason]++ },
	}
	r.burial = &burial{Poison: p, patience: newPatience(p.After), next: func(msg *message.Message) ([]*message.Message, error) {
		for _, m := range mq.Run(msg) {
			if err := of(m.UUID); err != nil {
				return nil, err
			}
			r.handled = append(r.handled, m.UUID)
		}
		return nil, nil
	}}
	r.patience.now = func() time.Time { return r.clock }
	return r
}

func (r *rig) deliver(uuids ...string) error {
	run := make([]*message.Message, len(uuids))
	for i, id := range uuids {
		run[i] = message.NewMessage(id, nil)
	}
	_, err := r.handle(together(run, context.Background()))
	return err
}

var (
	errStrange = errors.New("strange")
	errAway    = contracts.NewError(contracts.CodeUnavailable, "")
)

// TestOnlyPatienceNarrows: a run with an unforeseen error comes again until the time is over; a dependency's
// error in between restarts the time, since what that error left open may still be done.
func TestOnlyPatienceNarrows(t *testing.T) {
	t.Parallel()
	errs := map[string]error{"bad": errStrange}
	r := newRig(func(uuid string) error { return errs[uuid] })
	require.ErrorIs(t, r.deliver("a", "bad", "c"), errStrange)
	r.clock = r.clock.Add(50 * time.Second)
	errs["a"] = errAway
	require.ErrorIs(t, r.deliver("a", "bad", "c"), errAway)
	delete(errs, "a")
	r.clock = r.clock.Add(50 * time.Second)
	require.ErrorIs(t, r.deliver("a", "bad", "c"), errStrange, "it starts anew")
	r.clock = r.clock.Add(59 * time.Second)
	require.ErrorIs(t, r.deliver("a", "bad", "c"), errStrange)
	assert.Empty(t, r.grave.uuids)
	r.clock = r.clock.Add(time.Second)
	r.handled = nil
	require.NoError(t, r.deliver("a", "bad", "c"))
	assert.Equal(t, []string{"bad"}, r.grave.uuids)
	assert.Equal(t, []string{"a", "a", "c"}, r.handled, "the run, and then one by one")
	assert.Equal(t, 1, r.grave.counts[contracts.PoisonUnforeseen])
	assert.Zero(t, r.patience.since.Len()+r.patience.gone.Len(), "nothing is remembered of it")
}

// TestWhatFailsForAllIsNobodysFault: when nothing can be handled, at most one message is poisoned in each
// period of After.
func TestWhatFailsForAllIsNobodysFault(t *testing.T) {
	t.Parallel()
	broken := true
	r := newRig(func(string) error {
		if broken {
			return errStrange
		}
		return nil
	})
	run := []string{"a", "b", "c", "d"}
	for range 3 {
		require.Error(t, r.deliver(run...))
		r.clock = r.clock.Add(time.Minute)
	}
	assert.Equal(t, []string{"a"}, r.grave.uuids)
	broken = false
	require.NoError(t, r.deliver(run...))
	assert.Equal(t, []string{"b", "c", "d"}, r.handled)
}

// TestWhatIsBuriedIsNotHandledAgain: the sender was told that the message will never be stored, so it is left
// out when its run comes again because of another message.
func TestWhatIsBuriedIsNotHandledAgain(t *testing.T) {
	t.Parallel()
	errs := map[string]error{"bad": ErrUndecodable, "c": errAway}
	r := newRig(func(uuid string) error { return errs[uuid] })
	require.ErrorIs(t, r.deliver("a", "bad", "c"), errAway)
	assert.Equal(t, []string{"bad"}, r.grave.uuids)
	clear(errs)
	r.handled = nil
	require.NoError(t, r.deliver("a", "bad", "c"))
	assert.Equal(t, []string{"a", "c"}, r.handled)
	assert.Equal(t, []string{"bad"}, r.grave.uuids)
	assert.Zero(t, r.patience.gone.Len(), "acknowledged: the memory of it ends")
	errs["d"], errs["e"] = ErrUndecodable, errAway
	require.ErrorIs(t, r.deliver("d", "e"), errAway)
	require.NoError(t, r.deliver("d"))
	assert.Zero(t, r.patience.gone.Len(), "of a run of nothing else, too")
}

// TestABurialThatCannotBeDoneIsHeldForItsOwnReason: a record whose burial fails waits for the store, and counts
// as a dependency's failure until it is buried.
func TestABurialThatCannotBeDoneIsHeldForItsOwnReason(t *testing.T) {
	t.Parallel()
	r := newRig(func(string) error { return ErrUndecodable })
	r.About = func(context.Context, *message.Message) (Subject, error) { return Subject{}, errAway }
	err := r.deliver("bad")
	require.ErrorIs(t, err, errAway)
	assert.False(t, IsPermanent(err))
	assert.ErrorContains(t, err, ErrUndecodable.Error(), "what is wrong with it is told")
	assert.Empty(t, r.grave.uuids)
}
