package gateway

import (
	"slices"
	"sync"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// admission says whether one more socket may open.
type admission uint8

const (
	admitted admission = iota
	tooManySockets
	shuttingDown
)

// hub knows every open socket, and every HTTP request that waits for an outcome.
// Safe for concurrent use.
type hub struct {
	// replaced is called for a socket that a newer one on another gateway is to replace.
	replaced func(c *conn, o *pb.Close)

	mu      sync.RWMutex
	perUser int
	byID    map[string]*conn
	byUser  map[int64][]*conn
	slots   map[int64]int // open sockets and handshakes under way
	turn    uint64        // how many handshakes were admitted
	waiters map[string]chan<- []byte
	closed  bool
}

func newHub(perUser int) *hub {
	return &hub{
		perUser: perUser, byID: map[string]*conn{}, byUser: map[int64][]*conn{}, slots: map[int64]int{},
		waiters: map[string]chan<- []byte{},
	}
}

func (h *hub) setPerUser(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.perUser = n
}

// reserve takes a slot for a socket that is about to open. If there is one, reserve calls admit, while the hub cannot
// close, with the handshake's turn: a handshake that begins after another one was answered has a higher turn.
func (h *hub) reserve(user int64, admit func(turn uint64)) admission {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return shuttingDown
	case h.slots[user] >= h.perUser:
		return tooManySockets
	}
	h.slots[user]++
	h.turn++
	admit(h.turn)
	return admitted
}

// release gives back a slot that reserve took.
func (h *hub) release(user int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.slots[user]--; h.slots[user] <= 0 {
		delete(h.slots, user)
	}
}

// add makes a socket reachable, and returns the sockets of its user and device with an earlier turn, which it replaces.
// late: a socket with a later turn is there already and replaces c. Goroutines of sockets do not begin in the order of
// the handshakes.
func (h *hub) add(c *conn) (replaced []*conn, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byID[c.id] = c
	for _, other := range h.byUser[c.user] {
		switch {
		case c.device == "" || other.device != c.device:
		case other.turn > c.turn:
			late = true
		default:
			replaced = append(replaced, other)
		}
	}
	h.byUser[c.user] = append(h.byUser[c.user], c)
	return replaced, late
}

func (h *hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byID, c.id)
	rest := slices.DeleteFunc(h.byUser[c.user], func(o *conn) bool { return o == c })
	if len(rest) == 0 {
		delete(h.byUser, c.user)
	} else {
		h.byUser[c.user] = rest
	}
}

// wait registers an HTTP request for the one frame that is its outcome; done ends the registration.
func (h *hub) wait(id string) (frame <-chan []byte, done func()) {
	ch := make(chan []byte, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiters[id] = ch
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiters, id)
	}
}

// len returns the number of open sockets.
func (h *hub) len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.byID)
}

// users returns the number of users who have an open socket.
func (h *hub) users() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.byUser)
}

// absent returns those of the users who have no socket here.
func (h *hub) absent(users []int64) (out []int64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, user := range users {
		if len(h.byUser[user]) == 0 {
			out = append(out, user)
		}
	}
	return out
}

// all returns the open sockets.
func (h *hub) all() []*conn {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*conn, 0, len(h.byID))
	for _, c := range h.byID {
		out = append(out, c)
	}
	return out
}

// close admits no more sockets.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// deliver does what a delivery says and returns how many sockets get its frame.
// Those that need a writer are added to kick.
func (h *hub) deliver(d *pb.Delivery, kick *kicks) (n int) {
	if d.GetClose() != nil {
		h.order(d)
		return 0
	}
	if len(d.GetFrame()) == 0 {
		return 0
	}
	f := frame{class: classOf(d), conv: d.GetConversationId(), seq: d.GetSeqId(), since: d.GetAcceptedAt()}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if only := d.GetOnlyConnectionId(); only != "" {
		if c := h.byID[only]; c != nil {
			f.raw = rawFrame(opText, d.GetFrame())
			return c.push(f, kick)
		}
		if w := h.waiters[only]; w != nil {
			select {
			case w <- d.GetFrame():
			default: // a redelivery of what it has already
			}
		}
		return 0
	}
	except := d.GetExceptConnectionId()
	if d.GetEveryone() {
		f.raw = rawFrame(opText, d.GetFrame())
		for id, c := range h.byID {
			if id != except {
				n += c.push(f, kick)
			}
		}
		h.tellRead(d, kick)
		return n
	}
	for _, user := range d.GetUserIds() {
		for _, c := range h.byUser[user] {
			if c.id == except {
				continue
			}
			if f.raw == nil {
				f.raw = rawFrame(opText, d.GetFrame())
			}
			n += c.push(f, kick)
		}
	}
	if by := d.GetReadBy(); by != 0 && slices.Contains(d.GetUserIds(), by) {
		h.tellRead(d, kick)
	}
	return n
}

// tellRead tells the sender's other sockets that the sender has read up to the message that was
// pushed to them.
func (h *hub) tellRead(d *pb.Delivery, kick *kicks) {
	f := frame{class: serverFrames[contracts.FrameRead].class}
	for _, c := range h.byUser[d.GetReadBy()] {
		if c.id == d.GetExceptConnectionId() {
			continue
		}
		if f.raw == nil {
			f.raw = textFrame(contracts.FrameRead, contracts.ReadEventData{
				ConversationID: d.GetConversationId(), UserID: contracts.UserID(d.GetReadBy()).String(), ReadSeq: d.GetSeqId(),
			})
		}
		c.push(f, kick)
	}
}

// order closes the sockets that a delivery names. Sockets that are to be replaced go to replaced, which first asks
// whether the newer socket is still there.
func (h *hub) order(d *pb.Delivery) {
	o := d.GetClose()
	if o.GetOpenedAt() != 0 && h.replaced != nil {
		for _, c := range h.matching(d.GetUserIds(), o) {
			h.replaced(c, o)
		}
		return
	}
	for _, c := range h.matching(d.GetUserIds(), o) {
		c.close(int(o.GetCode()), o.GetReason())
	}
}

func (h *hub) matching(users []int64, o *pb.Close) []*conn {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var out []*conn
	for _, user := range users {
		for _, c := range h.byUser[user] {
			if (o.GetTokenId() == "" || o.GetTokenId() == c.tokenID) &&
				(o.GetDeviceId() == "" || o.GetDeviceId() == c.device) &&
				(o.GetIssuedBefore() == 0 || c.issued < o.GetIssuedBefore()) &&
				(o.GetExceptConnectionId() == "" || o.GetExceptConnectionId() != c.id) &&
				!c.outlives(o) {
				out = append(out, c)
			}
		}
	}
	return out
}

// sameMoment is by how much the clocks of two gateways may differ where the opening times of their sockets decide. A
// socket that seems to have been opened longer than that after its replacement is older all the same: the clock of its
// gateway is ahead.
const sameMoment = 2 * time.Second

// outlives reports whether c stays although another socket is to replace it: c is the newer one, or c is the one that
// stays of two that were opened at the same moment.
func (c *conn) outlives(o *pb.Close) bool {
	if o.GetOpenedAt() == 0 {
		return false
	}
	if o.GetOpenForMs() > 0 && time.Since(c.since).Milliseconds() < o.GetOpenForMs() {
		return true // c has been open for less time than the other socket had when it sent the order: c is the newer one
	}
	later := c.opened - o.GetOpenedAt()
	if later < -sameMoment.Milliseconds() || later > sameMoment.Milliseconds() {
		return false
	}
	return later > 0 || later == 0 && c.id > o.GetExceptConnectionId()
}
