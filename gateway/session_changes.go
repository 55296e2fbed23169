package gateway

import (
	"sync"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// maxUnremoved bounds the removals that wait. A removal that finds no room is dropped: its session stays registered
// until it expires, its user seems to be online, and this gateway gets needless copies for it.
const maxUnremoved = 1 << 16

// sessionChanges are the puts and removals of sessions that wait for the session registry. There are only puts of open
// sockets, which bounds them. Safe for concurrent use.
type sessionChanges struct {
	kick chan struct{}

	mu       sync.Mutex
	puts     map[string]*waitingPut // by connection
	unlisted int                    // how many of the puts are admitted
	removals map[string]removal
	lacking  bool // a removal found no room
}

// removal is a session to remove, and when its socket was gone, Unix milliseconds.
type removal struct {
	session *pb.Session
	at      int64
}

type waitingPut struct {
	session *pb.Session
	tried   chan struct{} // closed when the socket need not wait any longer
	told    bool          // tried is closed
	// admitted: the socket is served, or will be in a moment, although the registry does not
	// know it.
	admitted bool
}

func newSessionChanges() *sessionChanges {
	return &sessionChanges{kick: make(chan struct{}, 1), puts: map[string]*waitingPut{}, removals: map[string]removal{}}
}

func (c *sessionChanges) put(s *pb.Session) (tried <-chan struct{}) {
	w := &waitingPut{session: s, tried: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.puts[s.GetConnectionId()] = w
	c.wake()
	return w.tried
}

// remove queues a removal. first: it is the first one that found no room.
func (c *sessionChanges) remove(s *pb.Session) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s.GetConnectionId()) // the put may have been made, so that the removal is needed all the same
	if len(c.removals) >= maxUnremoved {
		first, c.lacking = !c.lacking, true
		return first
	}
	c.removals[s.GetConnectionId()] = removal{s, time.Now().UnixMilli()}
	c.wake()
	return false
}

// dropped reports whether a removal found no room.
func (c *sessionChanges) dropped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lacking
}

func (c *sessionChanges) wake() {
	select {
	case c.kick <- struct{}{}:
	default: // it is awake
	}
}

func (c *sessionChanges) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.puts)+len(c.removals) > 0
}

// takePuts returns at most most sessions to put. They stay in puts until done says that the registry has them.
func (c *sessionChanges) takePuts(most int) (out []*pb.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.puts {
		if len(out) == most {
			break
		}
		out = append(out, w.session)
	}
	return out
}

// done notes that sessions are put.
func (c *sessionChanges) done(sessions []*pb.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sessions {
		c.release(s.GetConnectionId())
		c.drop(s.GetConnectionId())
	}
}

// admit notes that sockets will be served although they are not put.
func (c *sessionChanges) admit(sessions ...*pb.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sessions {
		if w := c.puts[s.GetConnectionId()]; w != nil && !w.admitted {
			w.admitted = true
			c.unlisted++
		}
	}
}

// admitted reports whether there are sockets that are served and not put.
func (c *sessionChanges) admitted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unlisted > 0
}

// releaseAll lets the sockets go on whose puts were tried.
func (c *sessionChanges) releaseAll(sessions []*pb.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sessions {
		c.release(s.GetConnectionId())
	}
}

func (c *sessionChanges) release(connection string) {
	if w := c.puts[connection]; w != nil && !w.told { // or the socket has gone meanwhile
		w.told = true
		close(w.tried)
	}
}

func (c *sessionChanges) drop(connection string) {
	if w := c.puts[connection]; w != nil && w.admitted {
		c.unlisted--
	}
	delete(c.puts, connection)
}

func (c *sessionChanges) takeRemovals(most int) (out []removal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, one := range c.removals {
		if len(out) == most {
			break
		}
		out = append(out, one)
		delete(c.removals, id)
	}
	return out
}

// keepRemovals puts back the removals that failed.
func (c *sessionChanges) keepRemovals(list []removal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range list {
		c.removals[one.session.GetConnectionId()] = one
	}
}
