package rediscache

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gochat/gochat/repo/cache"
)

// presentRun is how many users one round trip asks for.
const presentRun = 1000

// Present implements cache.Presence. Unlike Locate it goes by what Redis says alone. partial: Redis
// has lost sessions that are not put again yet, or a gateway is not ready, so that a user who is
// not in out may be online.
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
		if v.layout == nil {
			return false, fmt.Errorf("ask who of %d users is connected: %w", len(users), cache.ErrAway)
		}
		found, words, err := s.read(ctx, v.layout, users)
		if err != nil {
			s.distrust(v)
			return false, err
		}
		// As in Locate: no data was lost between the view and the sessions, and no session is of
		// a gateway that joined in between. A part without an epoch holds nothing yet.
		_, unready := assign(v, users, found)
		if again := s.askAgain(unready, nil); v.unchanged(words) && (try > 0 || !again) {
			connected(v, users, found, out)
			return v.lacks(words) || s.outdated(v, unready), nil
		}
		if try == 2 {
			return false, fmt.Errorf("ask who of %d users is connected: Redis keeps losing the session registry's data", len(users))
		}
		v = s.refresh(ctx)
	}
}

// connected adds the devices that users have on ready gateways.
func connected(v *view, users []int64, found []map[string]string, out map[int64][]string) {
	for i, sessions := range found {
		if len(sessions) == 0 {
			continue
		}
		ready := v.parts[v.part(users[i])].ready
		for _, value := range sessions {
			if parts := strings.SplitN(value, "|", 3); len(parts) == 3 && ready[parts[0]] {
				out[users[i]] = append(out[users[i]], parts[2])
			}
		}
	}
}
