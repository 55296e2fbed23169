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

// Present tells through which devices users are connected; a socket that names none
// is the device "". Who has no live session is left out. partial: Redis has lost
// entries and is being told them again, or a gateway says that not all of its own are
// in, so that it is not known of who is left out.
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
		if v.layout == nil {
			return false, fmt.Errorf("ask who of %d users is connected: %w", len(users), cache.ErrAway)
		}
		found, words, err := s.read(ctx, v.layout, users)
		if err != nil {
			s.distrust(v)
			return false, err
		}
		// As in Locate: entries and gateways are of the same life of Redis, and no
		// gateway is one that joined since. A part without an epoch holds nothing yet.
		if _, strangers := assign(v, users, found); v.unchanged(words) && (try > 0 || !s.doubt(strangers)) {
			connected(v, users, found, out)
			return v.lacks(words), nil
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
