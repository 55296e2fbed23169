package powerloss

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

const talkers = 8

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return n
}

// howMany returns the number of losses: GOCHAT_TEST_POWER_LOSSES, or 30, or 5 with -short.
func howMany(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("GOCHAT_TEST_POWER_LOSSES"); text != "" {
		return int(number(t, text))
	}
	if testing.Short() {
		return 5
	}
	return 30
}

// people are the clients of a machine, with the checks of what the server has told them.
type people struct {
	machine *machine
	web     *client.Server
	clients []*chaos.Talker
	heard   []int // number of events of each client that were checked
	readers map[string]*client.Account
	book    *book
	clerk   *clerk
	stop    context.CancelFunc
	running sync.WaitGroup
}

// populate makes accounts; each sends to two others, to world and to a group of all.
func populate(t *testing.T, m *machine) *people {
	t.Helper()
	p := &people{machine: m, web: client.New(m.server.URL()), readers: map[string]*client.Account{}, book: newBook(), heard: make([]int, talkers)}
	t.Cleanup(p.web.Close)
	p.clerk = &clerk{web: p.web}
	accounts, err := chaos.Crowd(t.Context(), []*client.Server{p.web}, "talker", talkers)
	require.NoError(t, err)
	group, err := chaos.Gather(t.Context(), "everybody", accounts)
	require.NoError(t, err)
	for i, a := range accounts {
		p.clients = append(p.clients, chaos.NewTalker(a, []chaos.Target{
			{ReceiverID: accounts[(i+1)%talkers].UserID},
			{ReceiverID: accounts[(i+talkers-1)%talkers].UserID},
			{ConversationID: "world"},
			group,
		}))
	}
	return p
}

func (p *people) talk(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p.stop = cancel
	for _, one := range p.clients {
		p.running.Go(func() { one.Run(ctx) })
	}
	p.running.Go(func() { p.clerk.work(ctx) })
	t.Cleanup(func() {
		cancel()
		p.running.Wait()
	})
}

// look checks everything that clients were told since the last look against the histories of a restarted server.
func (p *people) look(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	news := make([][]chaos.Event, len(p.clients)) // before the histories are read
	for i, one := range p.clients {
		news[i] = one.Log.Since(p.heard[i])
		p.heard[i] += len(news[i])
		for _, e := range news[i] {
			if e.Message.ConversationID != "" {
				p.readers[e.Message.ConversationID] = one.Account
			}
		}
	}
	for conversation, reader := range p.readers {
		after := p.book.from(conversation)
		history, err := chaos.History(ctx, reader, conversation, after)
		require.NoError(t, err)
		p.book.enter(conversation, after, history)
	}
	for i, one := range p.clients {
		p.book.hold(one.Account.UserID, news[i])
	}
	wrong := append(p.book.wrong, p.clerk.check(ctx, p.machine.random)...)
	for _, w := range wrong[:min(len(wrong), 10)] {
		t.Error(w)
	}
	require.Empty(t, len(wrong), "violations after loss %d", p.machine.losses)
}

// settle waits until every send has an outcome, lets every client pull everything, and stops the clients.
func (p *people) settle(t *testing.T) {
	t.Helper()
	for _, one := range p.clients {
		one.Hush()
	}
	require.Eventually(t, func() bool {
		for _, one := range p.clients {
			if one.Pending() > 0 {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond, "sends without an outcome")
	for _, one := range p.clients {
		require.NoError(t, one.Sync(t.Context()))
	}
	p.stop()
	p.running.Wait()
}

// judge checks all logs and whole histories with chaos.Judge; look only sees the parts between two losses.
func (p *people) judge(t *testing.T) {
	t.Helper()
	logs, truth, wrong, err := chaos.Observe(t.Context(), p.clients)
	require.NoError(t, err)
	t.Logf("%d messages in %d conversations, %d facts; %d losses, %d of them of the process alone",
		truth.Messages(), len(truth.Histories), len(p.clerk.facts), p.machine.losses, p.machine.kills)
	require.Greater(t, truth.Messages(), p.machine.losses, "there was little to lose")
	violations := append(wrong, chaos.Judge(logs, truth)...)
	for _, v := range violations[:min(20, len(violations))] {
		t.Error(v)
	}
	require.Empty(t, len(violations), "violations")
}

// TestPowerLosses cuts the power of a server again and again, at random changes of its disk, under load and
// sometimes during a start. Changes that were not synced are lost, all or in part, and the server starts again
// with the rest. Whatever a client was told before a loss must hold after it.
func TestPowerLosses(t *testing.T) {
	m := newMachine(t, seeded(t))
	for range 3 {
		m.loseInStart(t) // on an empty disk, before any client
	}
	m.start(t)
	p := populate(t, m)
	p.talk(t)
	for m.losses < howMany(t) {
		m.loseUnderLoad(t)
		for m.random.IntN(4) == 0 {
			m.loseInStart(t)
		}
		m.start(t)
		p.look(t)
	}
	p.settle(t)
	p.look(t)
	p.judge(t)
	m.stop(t, func() {
		out, err := exec.CommandContext(t.Context(), m.server.Binary, "verify", "--data-dir", m.server.DataDir).CombinedOutput() //nolint:gosec // built above
		require.NoError(t, err, string(out))
		t.Logf("verify: %s", strings.TrimSpace(string(out)))
	})
	assert.NotContains(t, m.server.Output(), "panic:")
	assert.NotContains(t, m.server.Output(), "DATA RACE")
}
