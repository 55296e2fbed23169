package blackbox

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGroupGrowsAndShrinksUnderLoad grows a group of five beyond router.group_limit, so that fanout delivers, and
// shrinks it again, while all five send. A socket that is open all the time gets every number exactly once and in
// order.
func TestGroupGrowsAndShrinksUnderLoad(t *testing.T) {
	t.Parallel()
	const size, visitors = 5, 12
	var people []*user
	for range size {
		people = append(people, newUser(t))
	}
	owner := people[0]
	id, conv := owner.group("grows", people[1:]...)
	var guests []string
	for range visitors {
		guests = append(guests, newUser(t).id)
	}
	const end = "the end"
	listened, heard := make(chan error, size), make([][]float64, size)
	for i, u := range people {
		s := u.open("listens")
		go func() { // reads all the time: a socket that is not read gets sync-hints instead of pushes
			var err error
			heard[i], err = s.numbers(conv, end)
			listened <- err
		}()
	}
	stop := make(chan struct{})
	talked := make(chan error, size)
	for i, u := range people {
		s := u.open("talks")
		go func() { talked <- s.talk(stop, conv, fmt.Sprint("grow-", i)) }()
	}
	for range 2 {
		for _, g := range guests {
			a := owner.post("/api/groups/"+id+"/members", obj{"userIds": []string{g}})
			require.Equal(t, http.StatusOK, a.Status, "%s", a.Raw)
		}
		for _, g := range guests {
			require.Equal(t, http.StatusNoContent, owner.send("DELETE", "/api/groups/"+id+"/members/"+g, nil).Status)
		}
	}
	close(stop)
	for range people {
		require.NoError(t, <-talked)
	}
	last := owner.say(obj{"conversationId": conv}, end, "grow-end")
	require.Equal(t, 200, last.Status)
	all := make([]float64, int(last.Body["seqId"].(float64)))
	for i := range all {
		all[i] = float64(i + 1)
	}
	for range people {
		require.NoError(t, <-listened)
	}
	for i := range people {
		require.Equal(t, all, heard[i], "listener %d", i)
	}
}

// talk sends messages to a conversation until it is stopped, each when the one before is stored.
func (s *socket) talk(stop <-chan struct{}, conv, key string) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		case <-time.After(15 * time.Millisecond):
		}
		s.send("send-message", text(obj{"conversationId": conv}, fmt.Sprint("m", n), fmt.Sprintf("%s-%d", key, n)))
		if _, err := s.await("message-stored"); err != nil {
			return err
		}
	}
}

// numbers returns the sequence numbers of a conversation's pushes in their order, up to
// the one with the content last.
func (s *socket) numbers(conv, last string) (seqs []float64, err error) {
	for {
		m, err := s.await("new-message")
		if err != nil {
			return seqs, fmt.Errorf("after number %d: %w", len(seqs), err)
		}
		if m["conversationId"] != conv {
			continue
		}
		seqs = append(seqs, m["seqId"].(float64))
		if m["content"] == last {
			return seqs, nil
		}
	}
}
