package scale_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// relay passes connections on to a server and counts their bytes. The server's own counters would
// not do: they have what other tests do on it at the same time.
type relay struct {
	to            string
	sent, fetched atomic.Int64
	running       sync.WaitGroup
}

// newRelay returns a relay and the address at which it listens until the test ends.
func newRelay(t *testing.T, to string) (r *relay, at string) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r = &relay{to: to}
	r.running.Go(func() { r.accept(ln) })
	t.Cleanup(func() {
		assert.NoError(t, ln.Close())
		r.running.Wait() // whoever connected has closed by now
	})
	return r, ln.Addr().String()
}

func (r *relay) accept(ln net.Listener) {
	for {
		client, err := ln.Accept()
		if err != nil {
			return // the test ends
		}
		r.running.Go(func() { r.pass(client) })
	}
}

// pass returns when one of the two sides has closed.
func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return // the client sees a closed connection
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		io.Copy(client, counted{server, &r.fetched})
	})
	io.Copy(server, counted{client, &r.sent})
	server.Close()
	back.Wait()
}

// counted is a reader whose bytes are counted before they are passed on.
type counted struct {
	io.Reader
	bytes *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
