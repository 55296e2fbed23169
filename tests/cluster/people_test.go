package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

const (
	people = 64
	// pace makes all people together send 500 messages a second.
	pace = people * time.Second / 500
	// crowd is the number of members of the large group, most of whom are not connected.
	crowd = 500
	// circle is the number of members of a small group, which is delivered to without a task.
	circle = 8
)

func (w *town) populate(t *testing.T) {
	t.Helper()
	for _, url := range w.Gateways() {
		s := client.New(url)
		t.Cleanup(s.Close)
		w.servers = append(w.servers, s)
	}
	accounts := make([]*client.Account, people)
	for i := range accounts {
		var err error
		accounts[i], err = w.servers[i%len(w.servers)].Register(t.Context(), fmt.Sprintf("person%02d", i), "a password")
		require.NoError(t, err)
	}
	w.crowd, w.circles = w.gather(t, accounts)
	for i, a := range accounts {
		next, before := chaos.Target{ReceiverID: accounts[(i+1)%people].UserID}, chaos.Target{ReceiverID: accounts[(i+people-1)%people].UserID}
		// A quarter of the sends goes to all users, since pushes cost most.
		p := chaos.NewTalker(a, []chaos.Target{
			next, before, {ReceiverID: accounts[(i+people/2)%people].UserID}, {ConversationID: "world"},
			next, before, w.circles[i/circle], w.crowd,
		})
		p.Pace, p.InFlight = pace, 32
		// Neighbours are on different gateways.
		p.Servers = append(append([]*client.Server{}, w.servers[i%len(w.servers):]...), w.servers[:i%len(w.servers)]...)
		w.people = append(w.people, p)
	}
}

// gather makes the large group of all people and many users who are not connected, and the small
// groups of the people.
func (w *town) gather(t *testing.T, accounts []*client.Account) (all chaos.Target, circles []chaos.Target) {
	t.Helper()
	absent, err := chaos.Crowd(t.Context(), w.servers, "absent", crowd-len(accounts))
	require.NoError(t, err)
	w.absent = absent
	all, err = chaos.Gather(t.Context(), "crowd", append(append([]*client.Account{}, accounts...), absent...))
	require.NoError(t, err)
	for i := 0; i < len(accounts); i += circle {
		one, err := chaos.Gather(t.Context(), fmt.Sprintf("circle %d", i/circle), accounts[i:i+circle])
		require.NoError(t, err)
		circles = append(circles, one)
	}
	return all, circles
}
