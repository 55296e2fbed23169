package rediscache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// presentRun is how many users one round trip asks for.
const presentRun = 1000

// Present tells through which devices users are connected; a socket that names none
// is the device "". Who has no live session is left out. partial: Redis has lost
// entries and is being told them again, so that it is not known of who is left out.
// Unlike Locate it believes nothing but what Redis says.
func (s *Sessions) Present(ctx context.Context, users []int64) (out map[int64][]string, partial bool, err error) {
	out = map[int64][]string{}
	for chunk := range slices.Chunk(users, presentRun) {
		some, err := s.present(ctx, chunk, out)
		if err != nil {
			return nil, false, err
		}
		partial = partial || some
	}
	return out, partial, nil
}

func (s *Sessions) present(ctx context.Context, users []int64, out map[int64][]string) (partial bool, err error) {
	v := s.look(ctx)
	for try := 0; ; try++ {
		found, epoch, err := s.read(ctx, users)
		if err != nil {
			return false, err
		}
		// As in Locate: entries and gateways are of the same life of Redis, and no
		// gateway is one that joined since.
		if _, strangers := assign(v, users, found); epoch == v.epoch && (try > 0 || !s.doubt(strangers)) {
			connected(v, users, found, out)
			return len(v.lost) > 0 || epoch == "", nil
		}
		if try == 2 {
			return false, fmt.Errorf("ask who of %d users is connected: the registry loses what it holds", len(users))
		}
		v = s.refresh(ctx)
	}
}

// connected adds the devices that users have on ready gateways.
func connected(v *view, users []int64, found []map[string]string, out map[int64][]string) {
	for i, sessions := range found {
		for _, value := range sessions {
			if parts := strings.SplitN(value, "|", 3); len(parts) == 3 && v.ready[parts[0]] {
				out[users[i]] = append(out[users[i]], parts[2])
			}
		}
	}
}

// losses remembers, over a loss of what Redis held, which gateways have to say
// everything again.
type losses struct {
	epoch string
	ready map[string]bool
	lost  map[string]bool
	// until is when who has not spoken counts as dead.
	until time.Time
}

// follow takes a new view and completes it. A view without an answer says nothing.
func (l *losses) follow(v *view) {
	if v.ready == nil {
		return
	}
	if l.epoch != "" && v.epoch != l.epoch {
		lost := map[string]bool{}
		for _, before := range []map[string]bool{l.ready, l.lost} {
			for g := range before {
				lost[g] = true
			}
		}
		l.lost, l.until = lost, v.at.Add(gatewayTTL)
	}
	for g := range l.lost {
		if v.ready[g] || !v.at.Before(l.until) {
			delete(l.lost, g)
		}
	}
	l.epoch, l.ready = v.epoch, v.ready
	v.lost = make(map[string]bool, len(l.lost))
	for g := range l.lost {
		v.lost[g] = true
	}
}
