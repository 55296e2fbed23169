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
	// watchRound is how often each watched user is asked for although no change was announced. The registry forgets
	// watchers after ten minutes.
	watchRound = 4 * time.Minute
	// roundParts is into how many parts a round is divided.
	roundParts = 64
)

// rounds divides users into parts, which take turns within watchRound.
type rounds struct {
	parts [roundParts]map[int64]struct{}
	// passed is the time since the first part had its first turn; turns is how many turns there were.
	passed time.Duration
	turns  int64
}

func partOf(user int64) uint64 { return uint64(user) % roundParts } //nolint:gosec // any part will do

func (r *rounds) add(user int64) {
	part := &r.parts[partOf(user)]
	if *part == nil {
		*part = map[int64]struct{}{}
	}
	(*part)[user] = struct{}{}
}

func (r *rounds) remove(user int64) { delete(r.parts[partOf(user)], user) }

// next adds the users to out whose turns come within d, each once.
func (r *rounds) next(d time.Duration, out map[int64]struct{}) {
	r.passed += d
	until := int64(r.passed * roundParts / watchRound)
	for r.turns = max(r.turns, until-roundParts); r.turns < until; r.turns++ {
		maps.Copy(out, r.parts[r.turns%roundParts])
	}
}

func (w *watch) wake() {
	select {
	case w.kick <- struct{}{}:
	default: // run is awake
	}
}

// changed asks soon for those of the users who are watched here.
func (w *watch) changed(changes []*pb.PresenceChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range changes {
		if u := w.users[c.GetUserId()]; u != nil {
			u.leftAt = max(u.leftAt, c.GetLastSeenAt())
			w.due[c.GetUserId()] = struct{}{}
		}
	}
	if len(w.due) > 0 {
		w.wake()
	}
}

// askAll asks soon for everybody who is watched here.
func (w *watch) askAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.users {
		w.due[id] = struct{}{}
	}
	if len(w.due) > 0 {
		w.wake()
	}
}

// run asks until quit.
func (w *watch) run() {
	interval := w.g.cfg.PresenceInterval
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.tick(interval)
		case <-w.kick:
		case <-w.quit:
			return
		}
		if err := w.round(); err != nil {
			w.g.log.Warn("presence is not known; sockets are told later", zap.Error(err))
		}
	}
}

// tick lets those be asked for who waited for the next tick, and those whose turn it is.
func (w *watch) tick(passed time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(w.due, w.later)
	clear(w.later)
	w.rounds.next(passed, w.due)
}

// take returns who is due, without those whom nobody watches any more.
func (w *watch) take() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]int64, 0, len(w.due))
	for id := range w.due {
		if w.users[id] != nil {
			ids = append(ids, id)
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
		w.later[id] = struct{}{}
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
