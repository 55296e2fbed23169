package gateway

import (
	"maps"
	"sync"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// watchRound is how often each watched user is asked for although no change was announced. The registry forgets
	// watchers after ten minutes.
	watchRound = 4 * time.Minute
	// roundParts is into how many parts a round is divided.
	roundParts = 64
	// hurriedTicks is in how many ticks everybody is asked for, unless they are few.
	hurriedTicks = 5
)

// rounds divides users into parts, which take turns within watchRound.
type rounds struct {
	parts [roundParts]map[int64]struct{}
	// passed is the time since the first part had its first turn; turns is how many turns there were.
	passed time.Duration
	turns  int64
	// hurried is how many parts have an extra turn soon.
	hurried int
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

// hurry gives each part an extra turn.
func (r *rounds) hurry() { r.hurried = roundParts }

// some adds the users of the next hurried parts to out, until there are at least most of them.
func (r *rounds) some(most int, out map[int64]struct{}) {
	for n := 0; r.hurried > 0 && n < most; r.hurried-- {
		part := r.parts[r.hurried-1]
		n += len(part)
		maps.Copy(out, part)
	}
}

// recent remembers for one to two minutes which users this gateway became a watcher of, without a change since. Whoever
// subscribes to one of them again and again lets nobody be asked for again.
type recent struct {
	now, before map[int64]struct{}
	passed      time.Duration
}

const recentFor = time.Minute

func newRecent() recent { return recent{now: map[int64]struct{}{}, before: map[int64]struct{}{}} }

func (r *recent) has(user int64) bool {
	_, now := r.now[user]
	_, before := r.before[user]
	return now || before
}

func (r *recent) forget(user int64) {
	delete(r.now, user)
	delete(r.before, user)
}

func (r *recent) pass(d time.Duration) {
	if r.passed += d; r.passed >= recentFor {
		r.now, r.before, r.passed = map[int64]struct{}{}, r.now, 0
	}
}

// news are announced changes that the watch has not looked at yet. Safe for concurrent use.
type news struct {
	mu   sync.Mutex
	left map[int64]int64 // when the users last lost a socket; 0: they did not
	all  bool            // everybody may have come or gone
}

// add reports whether there is anything to look at.
func (n *news) add(changes []*pb.PresenceChange) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == nil {
		n.left = map[int64]int64{}
	}
	for _, c := range changes {
		if _, known := n.left[c.GetUserId()]; !known && len(n.left) >= announceMost {
			n.all = true // more than can be held
			continue
		}
		n.left[c.GetUserId()] = max(n.left[c.GetUserId()], c.GetLastSeenAt())
	}
	return len(n.left) > 0
}

func (n *news) addAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = true
}

func (n *news) take() map[int64]int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.left
	n.left = nil
	return out
}

func (n *news) takeAll() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = false
	return all
}
