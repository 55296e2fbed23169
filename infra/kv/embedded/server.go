// Package embedded is a Redis-protocol server in this process, for the mode
// without anything to install. It has what GoChat's cache uses: strings, hashes,
// sets, sorted sets, expiry, pipelines, transactions and Lua scripts, with Redis
// 7's answers. Nothing is written to disk: a restart is a FLUSHALL, which a cache
// survives.
//
// It is there because miniredis, made for tests, writes to the connection for
// every reply and makes a Lua state for every call: measured 450 µs for a script
// of three calls, where the whole pipeline has about 100 µs a message.
package embedded

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/redcon"
	"google.golang.org/grpc/test/bufconn"
)

// Config tunes a server. Zero values are replaced by defaults.
type Config struct {
	// MaxBytes is about how much memory keys may take; beyond it keys
	// are evicted, those first that expire soonest. Default 64 MiB.
	MaxBytes int
	// Keep are prefixes of keys that are never evicted, since nothing brings them
	// back soon.
	Keep []string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Server is an in-process server; connect to it by Dial.
type Server struct {
	mu  sync.Mutex
	ks  *keyspace
	lua *engine

	listener *bufconn.Listener
	serving  *redcon.Server
	closing  chan struct{}
	running  sync.WaitGroup
	once     sync.Once
}

const connBuffer = 64 << 10

// Start starts a server; Close ends it.
func Start(cfg Config) *Server {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 64 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{
		ks: newKeyspace(cfg), listener: bufconn.Listen(connBuffer),
		closing: make(chan struct{}),
	}
	s.lua = newEngine(s)
	s.serving = redcon.NewServer("", s.handle, func(redcon.Conn) bool { return true }, nil)
	s.running.Go(func() {
		_ = s.serving.Serve(s.listener) // it ends by Close, and says nothing else
	})
	s.running.Go(s.expireLoop)
	// The library can be closed once it accepts, and not before.
	if c, err := s.listener.Dial(); err == nil {
		_ = c.Close() // nothing was said on it
	}
	return s
}

// Dial connects to the server through memory.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.listener.DialContext(ctx) }

// Close ends all connections and frees the keys.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		err = s.serving.Close()
		s.running.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ks.flush()
		s.lua.state.Close()
	})
	return err
}

// Bytes returns about how much memory the keys take.
func (s *Server) Bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ks.bytes
}

const expireEvery = 100 * time.Millisecond

func (s *Server) expireLoop() {
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
		}
		for more := true; more; {
			s.mu.Lock()
			more = s.ks.expireSlice()
			s.mu.Unlock()
		}
	}
}

// transaction is a connection's MULTI; nil outside of one.
type transaction struct {
	queued [][]string
	failed bool
}

func (s *Server) handle(c redcon.Conn, cmd redcon.Command) {
	name := strings.ToLower(string(cmd.Args[0]))
	args := make([]string, len(cmd.Args)-1)
	for i, a := range cmd.Args[1:] {
		args[i] = string(a)
	}
	tx, _ := c.Context().(*transaction)
	switch name {
	case "multi":
		if tx != nil {
			c.WriteError("ERR MULTI calls can not be nested")
			return
		}
		c.SetContext(&transaction{})
		c.WriteString("OK")
	case "discard":
		if tx == nil {
			c.WriteError("ERR DISCARD without MULTI")
			return
		}
		c.SetContext(nil)
		c.WriteString("OK")
	case "exec":
		c.SetContext(nil)
		s.execQueued(c, tx)
	default:
		if tx != nil {
			tx.queue(c, name, args)
			return
		}
		s.mu.Lock()
		r := s.exec(name, args)
		s.mu.Unlock()
		write(c, r)
	}
}

func (t *transaction) queue(c redcon.Conn, name string, args []string) {
	if _, known := commands[name]; !known {
		t.failed = true
		c.WriteError("ERR unknown command '" + name + "'")
		return
	}
	t.queued = append(t.queued, append([]string{name}, args...))
	c.WriteString("QUEUED")
}

func (s *Server) execQueued(c redcon.Conn, tx *transaction) {
	switch {
	case tx == nil:
		c.WriteError("ERR EXEC without MULTI")
		return
	case tx.failed:
		c.WriteError("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	out := make([]any, len(tx.queued))
	s.mu.Lock()
	for i, q := range tx.queued {
		out[i] = s.exec(q[0], q[1:])
	}
	s.mu.Unlock()
	write(c, out)
}

func write(c redcon.Conn, r reply) {
	switch v := r.(type) {
	case nil:
		c.WriteNull()
	case int64:
		c.WriteInt64(v)
	case string:
		c.WriteBulkString(v)
	case status:
		c.WriteString(string(v))
	case respError:
		c.WriteError(string(v))
	case []string:
		c.WriteArray(len(v))
		for _, e := range v {
			c.WriteBulkString(e)
		}
	case []any:
		c.WriteArray(len(v))
		for _, e := range v {
			write(c, e)
		}
	}
}

// Usage is about how much memory keys take, how much they may, and how many there are.
func (s *Server) Usage() (bytes, limit, keys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ks.bytes, s.ks.limit, len(s.ks.items)
}
