package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// presenceRun is how many users one call asks for.
	presenceRun = 2000
	// presencePause is the least time between two rounds of questions: a user who comes and goes all the time is asked for
	// once in it.
	presencePause = 100 * time.Millisecond
)

func (w *watch) wake() {
	select {
	case w.kick <- struct{}{}:
	default: // run is awake
	}
}

// changed asks soon for those of the users who are watched here. Neither changed nor askAll waits for a lock that is held
// while sockets are told, since deliveries of messages come after it.
func (w *watch) changed(changes []*pb.PresenceChange) {
	if w.news.add(changes) {
		w.wake()
	}
}

// askAll asks for everybody who is watched here, a part with each tick: all gateways may do so at the same moment. The
// first part comes with the second tick from now on, since the registry may answer by what it has read up to a second ago.
func (w *watch) askAll() { w.news.addAll() }

// run asks until quit.
func (w *watch) run() {
	ticker := time.NewTicker(w.g.cfg.PresenceInterval)
	defer ticker.Stop()
	for before := time.Now(); ; {
		select {
		case <-ticker.C:
			now := time.Now()
			w.tick(now.Sub(before))
			before = now
		case <-w.kick:
		case <-w.quit:
			return
		}
		if err := w.round(); err != nil {
			w.g.log.Warn("presence is not known; sockets are told later", zap.Error(err))
		}
		if !pause(min(presencePause, w.g.cfg.PresenceInterval), w.quit) {
			return
		}
	}
}

// tick lets those be asked for who waited for the next tick, and those whose turn it is.
func (w *watch) tick(passed time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.news.takeAll() {
		w.asked = newRecent()
		w.rounds.hurry()
	} else {
		w.rounds.some(max(presenceRun, len(w.users)/hurriedTicks), w.due)
	}
	maps.Copy(w.due, w.later)
	clear(w.later)
	w.asked.pass(passed)
	w.rounds.next(passed, w.due)
}

// take returns who is due, without those whom nobody watches any more. It notes that they are asked for, so that a
// change that is announced from now on makes that note void.
func (w *watch) take() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, left := range w.news.take() {
		w.asked.forget(id)
		if u := w.users[id]; u != nil {
			u.leftAt = max(u.leftAt, left)
			w.due[id] = struct{}{}
		}
	}
	ids := make([]int64, 0, len(w.due))
	for id := range w.due {
		if w.users[id] != nil {
			ids = append(ids, id)
			w.asked.now[id] = struct{}{}
		}
	}
	clear(w.due)
	return ids
}

// postpone lets users be asked for with the next tick.
func (w *watch) postpone(ids []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.asked.forget(id)
		if w.users[id] != nil {
			w.later[id] = struct{}{}
		}
	}
}

// round asks for everybody who is due and tells what has changed.
func (w *watch) round() error {
	ids := w.take()
	for at := 0; at < len(ids); at += presenceRun {
		if err := w.askSome(ids[at:min(at+presenceRun, len(ids))]); err != nil {
			w.postpone(ids[at:])
			return err
		}
	}
	return nil
}

func (w *watch) askSome(ids []int64) error {
	now, watching, err := w.ask(ids)
	if err != nil {
		return err
	}
	seen, err := w.lastSeen(now)
	if err != nil {
		return err
	}
	w.apply(now, seen)
	if !watching {
		w.postpone(ids) // nobody announces their changes
		return nil
	}
	w.postpone(slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return now[id] != standingUnknown }))
	return nil
}

// ask returns whether users are online, and makes this gateway their watcher; whoever is missing in the result is
// unknown. Users with a socket on this gateway are online, whatever the registry says. watching: their changes will be
// announced.
func (w *watch) ask(ids []int64) (now map[int64]standing, watching bool, err error) {
	ctx, cancel := w.g.rpc(context.Background())
	defer cancel()
	resp, err := w.g.deps.Present.Present(ctx, &pb.PresentRequest{UserIds: ids, WatcherId: w.g.id})
	if err != nil {
		return nil, false, err
	}
	now = make(map[int64]standing, len(ids))
	for _, id := range ids {
		now[id] = standingOnline
	}
	for _, id := range w.g.hub.absent(ids) {
		if now[id] = standingOffline; resp.GetPartial() {
			delete(now, id)
		}
	}
	for _, id := range resp.GetOnline() {
		now[id] = standingOnline
	}
	return now, resp.GetWatched(), nil
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

// apply takes the new state and tells every socket that does not know it. A socket that has no room is told later.
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
			// The store may not have heard yet of the socket that was lost last.
			u.is, u.seenAt, u.behind = is, max(seen[id], u.leftAt), true
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
		if u.behind {
			w.later[id] = struct{}{}
		}
	}
	kick.start()
}
