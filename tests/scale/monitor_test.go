package scale_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// database is the number of the Redis database that is this package's own: it is emptied at the
// beginning and at the end, and what is run in another one is not counted.
const database = 9

// patience is how long something may take until the test gives up.
const patience = time.Minute

// monitor counts the commands that Redis runs in the database of this package, those within scripts
// included. Redis tells it each of them.
type monitor struct {
	ask *redis.Client

	mu       sync.Mutex
	commands map[string]int
	marks    map[string]chan struct{} // by the word that is waited for
}

// setup are commands by which a connection begins.
var setup = map[string]bool{"auth": true, "client": true, "hello": true, "ping": true, "select": true}

// newMonitor watches a server until the test ends.
func newMonitor(t *testing.T, addr string) *monitor {
	t.Helper()
	m := &monitor{
		ask:      redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true, DB: database, ReadTimeout: patience}),
		commands: map[string]int{}, marks: map[string]chan struct{}{},
	}
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "MONITOR\r\n")
	require.NoError(t, err)
	var reading sync.WaitGroup
	reading.Go(func() { m.read(bufio.NewReader(conn)) })
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		reading.Wait()
		assert.NoError(t, m.ask.Close())
	})
	return m
}

// read takes lines as `+1700000000.000001 [9 127.0.0.1:5000] "get" "key"`; of a command within a
// script the address is the word lua.
func (m *monitor) read(lines *bufio.Reader) {
	ours := fmt.Sprintf("[%d ", database)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // the connection was closed
		}
		_, rest, _ := strings.Cut(line, " ")
		_, words, isCommand := strings.Cut(rest, "] \"")
		if !isCommand || !strings.HasPrefix(rest, ours) {
			continue
		}
		name, arguments, _ := strings.Cut(words, `"`)
		m.note(strings.ToLower(name), arguments)
	}
}

func (m *monitor) note(name, arguments string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case name == "echo":
		word := strings.Trim(arguments, "\" \r\n")
		if done := m.marks[word]; done != nil {
			close(done)
			delete(m.marks, word)
		}
	case !setup[name]:
		m.commands[name]++
	}
}

// count returns how often each command was run so far.
func (m *monitor) count(t *testing.T) map[string]int {
	t.Helper()
	word, done := rand.Text(), make(chan struct{})
	m.mu.Lock()
	m.marks[word] = done
	m.mu.Unlock()
	require.NoError(t, m.ask.Echo(t.Context(), word).Err())
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Redis has not told of a command that it ran")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]int, len(m.commands))
	for name, n := range m.commands {
		out[name] = n
	}
	return out
}

// empty removes everything in the database.
func (m *monitor) empty(t *testing.T) {
	t.Helper()
	require.NoError(t, m.ask.FlushDB(context.WithoutCancel(t.Context())).Err())
}

// size is what some keys take in memory, by Redis's own estimate.
func (m *monitor) size(t *testing.T, keys ...string) (bytes int64) {
	t.Helper()
	for _, key := range keys {
		n, err := m.ask.MemoryUsage(t.Context(), key).Result()
		require.NoError(t, err, key)
		bytes += n
	}
	return bytes
}

// onlineList is the list of users who may be online.
const onlineList = "online:{sessions}"

// listed is how many users are in it.
func (m *monitor) listed(t *testing.T) int64 {
	t.Helper()
	n, err := m.ask.ZCard(t.Context(), onlineList).Result()
	require.NoError(t, err)
	return n
}
