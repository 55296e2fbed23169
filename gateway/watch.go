package gateway

import (
	"context"
	"sync"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// standing is what is known of a user's presence.
type standing uint8

const (
	standingUnknown standing = iota
	standingOffline
	standingOnline
)

// watch tells sockets when users whom they subscribed to come and go. It asks the registry of a user once, with which it
// becomes a watcher of that user, and again when the user's gateway announces a change, when a gateway has died or the
// registry was lost (askAll), and once in watchRound: an announcement may be lost. Whoever is not known, or has no announced
// changes, is asked for every PresenceInterval. One goroutine asks for all of them together. Safe for concurrent use.
type watch struct {
	g    *Gateway
	quit chan struct{}
	kick chan struct{}

	mu      sync.Mutex
	users   map[int64]*watched
	sockets map[*conn][]int64
	news    news
	// rounds holds the users by when they are asked again in any case.
	rounds rounds
	// due are to be asked for now, later with the next tick. They may name users whom nobody watches any more.
	due, later map[int64]struct{}
	asked      recent
}

// watched is a user whom somebody watches.
type watched struct {
	is     standing
	seenAt int64 // of who is offline, Unix milliseconds
	leftAt int64 // when the user last lost a socket, as announced
	// told is what each socket was told last. behind: some sockets were told something else than is.
	told   map[*conn]standing
	behind bool
}

func newWatch(g *Gateway) *watch {
	return &watch{
		g: g, quit: make(chan struct{}), kick: make(chan struct{}, 1), users: map[int64]*watched{}, sockets: map[*conn][]int64{},
		due: map[int64]struct{}{}, later: map[int64]struct{}{}, asked: newRecent(),
	}
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
			w.rounds.add(ids[i])
			if !w.asked.has(ids[i]) || standingOf(p) == standingUnknown {
				w.due[ids[i]] = struct{}{} // which makes this gateway a watcher
			}
		}
		now := standingOf(p)
		if u.is == standingUnknown {
			u.is, u.seenAt = now, p.GetLastSeenAt()
		}
		u.told[c] = standingUnknown
		if now != standingUnknown && w.tell(c, ids[i], now, p.GetLastSeenAt(), &kick) {
			u.told[c] = now
		}
		if u.behind = u.behind || u.told[c] != u.is; u.behind {
			w.later[ids[i]] = struct{}{}
		}
	}
	w.sockets[c] = ids
	w.wake()
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
			delete(w.due, id)
			delete(w.later, id)
			w.rounds.remove(id)
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
