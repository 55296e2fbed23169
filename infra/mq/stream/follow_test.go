package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// TestACrashTakesAcknowledgementsWithFollowUps: a follow-up does not wait for the disk, and the message that
// it follows from counts as acknowledged only once the follow-up is durable.
func TestACrashTakesAcknowledgementsWithFollowUps(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Nanosecond})
	m := take(t, s)
	g.gate.Lock()
	followed(t, s, m, effect("follows"))
	saved := make(chan error, 1)
	go func() { saved <- s.catalog.flush() }()
	select {
	case <-saved:
		t.Fatal("an offset is saved before what followed from it is durable")
	case <-time.After(20 * time.Millisecond): // in which it would have been saved, by all that is likely
	}
	require.NoError(t, s.truncate())
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes, "it comes again")
	assert.Empty(t, effects)

	g.gate.Unlock()
	require.NoError(t, <-saved)
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"follows"}, effects)
	require.NoError(t, s.Close())
}

// TestFollowUpsWaitForRoom: follow-ups for which the disk had no room are written when there is some, since
// nobody publishes them again; until then no offset is saved, and nothing more is taken.
func TestFollowUpsWaitForRoom(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	followed(t, s, take(t, s), effect("one"), effect("two"))
	g.fail(ErrNoRoom)
	require.Error(t, s.catalog.flush())
	require.ErrorIs(t, follow(t, s, effect("three")), ErrNoRoom)
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes)
	assert.Empty(t, effects)

	g.fail(nil)
	require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, time.Minute, time.Millisecond)
	require.NoError(t, s.catalog.flush())
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"one", "two"}, effects)
	require.NoError(t, s.Close())
}

// TestFollowUpsOfABrokenLog: after another failure nothing is written any more. Offsets stay as they were, so
// that a restart delivers again. Publishers that wait for room, and Close, get the error.
func TestFollowUpsOfABrokenLog(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	m, broken := take(t, s), errors.New("the disk is broken")
	g.gate.Lock()
	large := effect("large")
	large.Message.Payload = make([]byte, mq.MaxRecordBytes-1000)
	for range waitingBytes / mq.MaxRecordBytes { // nearly all the room that there is
		require.NoError(t, follow(t, s, large))
	}
	followed(t, s, m, effect("follows"))
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.Publisher().Publish("cause", message.NewMessage("waits", make([]byte, mq.MaxRecordBytes/2)))
	}()
	time.Sleep(20 * time.Millisecond) // until it waits, by all that is likely; else it is refused at once
	g.fails = broken
	g.gate.Unlock()
	require.ErrorIs(t, s.catalog.flush(), broken)
	require.ErrorIs(t, <-waiting, broken)
	require.ErrorIs(t, follow(t, s, effect("more")), broken)
	require.ErrorIs(t, s.Close(), broken)
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes)
	assert.Empty(t, effects)
}

// TestWhatComesAgainIsNotDropped: entries stay until the offsets that acknowledge them are saved.
func TestWhatComesAgainIsNotDropped(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Nanosecond})
	const many = 5 // large ones, since entries are dropped by megabytes
	put(t, s, "cause", many)
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "cause")
	require.NoError(t, err)
	g.gate.Lock()
	require.NoError(t, follow(t, s, effect("follows")))
	for range many {
		m := <-in
		m.Ack()
	}
	require.Eventually(t, func() bool { return s.Lag()["cause"]["g"] == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, s.truncate())
	assert.EqualValues(t, 1, g.crashed().first, "nothing is saved yet")
	g.gate.Unlock()
	require.NoError(t, s.catalog.flush())
	require.NoError(t, s.truncate())
	assert.Greater(t, g.crashed().first, uint64(1))
	require.NoError(t, s.Close())
}

// TestADumpHasWhatFollowed: a dump has the follow-ups of the acknowledged messages that it leaves out.
func TestADumpHasWhatFollowed(t *testing.T) {
	t.Parallel()
	s, _ := openGated(t, Config{Patience: time.Hour})
	followed(t, s, take(t, s), effect("follows"))
	var dump strings.Builder
	require.NoError(t, s.Dump(t.Context(), &dump, nil))
	assert.Contains(t, dump.String(), `"uuid":"follows"`)
	assert.NotContains(t, dump.String(), `"uuid":"cause"`)
	require.NoError(t, s.Close())
}

// TestPatientFollowUpsShareAnEntry: patient follow-ups are written together with a call that is not patient,
// or at the end.
func TestPatientFollowUpsShareAnEntry(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(t *testing.T, s *Stream){
		"with what comes": func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("next", nil)))
		},
		"with what is impatient": func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, follow(t, s, effect("last"), mq.Outbound{Topic: "cause", Message: message.NewMessage("next", nil)}))
			require.NoError(t, s.settled())
		},
		"when offsets are saved": func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.catalog.flush()) },
		"at the end":             func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, g := openGated(t, Config{Patience: time.Hour})
			followed(t, s, take(t, s), effect("one"))
			before := len(g.crashed().entries)
			then(t, s)
			left := g.crashed()
			assert.Len(t, left.entries, before+1)
			_, effects := after(t, left)
			assert.Contains(t, effects, "one")
			require.NoError(t, s.Close())
		})
	}
}
