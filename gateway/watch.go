package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// presenceRun is how many users one call asks for.
const presenceRun = 2000

// standing is what is known of a user's presence.
type standing uint8

const (
	standingUnknown standing = iota
	standingOffline
	standingOnline
)

// watch tells sockets when users whom they subscribed to come and go. One goroutine
// asks for all of them together. Safe for concurrent use.
type watch struct {
	g    *Gateway
	quit chan struct{}

	mu      sync.Mutex
	users   map[int64]*watched
	sockets map[*conn][]int64
}

// watched is a user whom somebody watches.
type watched struct {
	is     standing
	seenAt int64 // of who is offline, Unix milliseconds
	// told is what each socket was told last. behind: some sockets were told something else than is.
	told   map[*conn]standing
	behind bool
}

func newWatch(g *Gateway) *watch {
	return &watch{g: g, quit: make(chan struct{}), users: map[int64]*watched{}, sockets: map[*conn][]int64{}}
}

// subscribe replaces what a socket watches, and tells it the present state of each.
func (w *watch) subscribe(c *conn, list []*pb.Presence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(c)
	if len(list) == 0 {
		return
	}
	var one [1]*conn
	kick := kicks(one[:0])
	ids := make([]int64, len(list))
	for i, p := range list {
		ids[i] = p.GetUserId()
		u := w.users[ids[i]]
		if u == nil {
			u = &watched{told: map[*conn]standing{}}
			w.users[ids[i]] = u
		}
		now := standingOf(p)
		if u.is == standingUnknown {
			u.is, u.seenAt = now, p.GetLastSeenAt()
		}
		u.told[c] = standingUnknown
		if now != standingUnknown && w.tell(c, ids[i], now, p.GetLastSeenAt(), &kick) {
			u.told[c] = now
		}
		u.behind = u.behind || u.told[c] != u.is
	}
	w.sockets[c] = ids
	kick.start()
}

func standingOf(p *pb.Presence) standing {
	switch {
	case p.GetUnknown():
		return standingUnknown
	case p.GetOnline():
		return standingOnline
	}
	return standingOffline
}

// drop forgets a socket.
func (w *watch) drop(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(c)
}

func (w *watch) forget(c *conn) {
	for _, id := range w.sockets[c] {
		u := w.users[id]
		if u == nil {
			continue
		}
		if delete(u.told, c); len(u.told) == 0 {
			delete(w.users, id)
		}
	}
	delete(w.sockets, c)
}

// tell queues a frame for one socket; false: it has no room for it now.
func (w *watch) tell(c *conn, user int64, is standing, seenAt int64, kick *kicks) bool {
	data := contracts.PresenceData{UserID: contracts.UserID(user).String(), Online: is == standingOnline}
	if !data.Online {
		data.LastSeenAt = seenAt
	}
	n := c.push(frame{raw: textFrame(contracts.FramePresence, data), class: serverFrames[contracts.FramePresence].class}, kick)
	w.g.metrics.sent(contracts.FramePresence, n)
	return n > 0
}

// run asks until quit.
func (w *watch) run() {
	ticker := time.NewTicker(w.g.cfg.PresenceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := w.round(); err != nil {
				w.g.log.Warn("presence is not known; sockets are told later", zap.Error(err))
			}
		case <-w.quit:
			return
		}
	}
}

// round asks for everybody who is watched and tells what has changed.
func (w *watch) round() error {
	w.mu.Lock()
	ids := make([]int64, 0, len(w.users))
	for id := range w.users {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for run := range slices.Chunk(ids, presenceRun) {
		now, err := w.ask(run)
		if err != nil {
			return err
		}
		seen, err := w.lastSeen(now)
		if err != nil {
			return err
		}
		w.apply(now, seen)
	}
	return nil
}

// ask returns whether users are online; whoever is missing in the result is unknown. Users with a socket on this
// gateway are online without a call.
func (w *watch) ask(ids []int64) (map[int64]standing, error) {
	out := make(map[int64]standing, len(ids))
	elsewhere := w.g.hub.absent(ids)
	for _, id := range ids {
		out[id] = standingOnline
	}
	if len(elsewhere) == 0 {
		return out, nil
	}
	ctx, cancel := w.g.rpc(context.Background())
	defer cancel()
	resp, err := w.g.deps.Present.Present(ctx, &pb.PresentRequest{UserIds: elsewhere})
	if err != nil {
		return nil, err
	}
	for _, id := range elsewhere {
		if out[id] = standingOffline; resp.GetPartial() {
			delete(out, id)
		}
	}
	for _, id := range resp.GetOnline() {
		out[id] = standingOnline
	}
	return out, nil
}

// lastSeen asks for those who have gone offline.
func (w *watch) lastSeen(now map[int64]standing) (map[int64]int64, error) {
	var gone []int64
	w.mu.Lock()
	for id, is := range now {
		if u := w.users[id]; u != nil && is == standingOffline && u.is != standingOffline {
			gone = append(gone, id)
		}
	}
	w.mu.Unlock()
	if len(gone) == 0 {
		return nil, nil
	}
	ctx, cancel := w.g.rpc(context.Background())
	defer cancel()
	resp, err := w.g.deps.Present.LastSeen(ctx, &pb.LastSeenRequest{UserIds: gone})
	return resp.GetLastSeenAt(), err
}

// apply takes the new state and tells every socket that does not know it.
func (w *watch) apply(now map[int64]standing, seen map[int64]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kick kicks
	for id, is := range now {
		u := w.users[id]
		if u == nil {
			continue
		}
		if u.is != is {
			u.is, u.seenAt, u.behind = is, seen[id], true
		}
		if !u.behind {
			continue
		}
		u.behind = false
		for c, told := range u.told {
			if told == is {
				continue
			}
			if w.tell(c, id, is, u.seenAt, &kick) {
				u.told[c] = is
			} else {
				u.behind = true
			}
		}
	}
	kick.start()
}

// subscribePresence takes one presence-subscribe from the socket.
func (c *conn) subscribePresence(data value) {
	ctx, end := c.begin(contracts.FramePresenceSubscribe)
	defer end()
	b, err := parseData(data)
	if err == nil {
		ids := b.requiredUserIDs("userIds", 0, contracts.PresenceMax)
		if err = b.frameErr(); err == nil {
			err = c.watchUsers(ctx, ids)
		}
	}
	if err != nil {
		c.fail(c.told(ctx, err, contracts.FramePresenceSubscribe), contracts.FramePresenceSubscribe)
	}
}

func (c *conn) watchUsers(ctx context.Context, ids []int64) error {
	var list []*pb.Presence
	if len(ids) > 0 {
		ctx, cancel := c.g.rpc(ctx)
		defer cancel()
		resp, err := c.g.deps.Presence.GetPresence(ctx, &pb.GetPresenceRequest{CallerId: c.user, UserIds: ids})
		if err != nil {
			return err
		}
		list = resp.GetPresence()
	}
	c.g.watch.subscribe(c, list)
	return nil
}
