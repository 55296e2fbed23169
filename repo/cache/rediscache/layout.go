package rediscache

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/epoch.lua
	epochSource string

	epochScript = redis.NewScript(epochSource)
)

// slots is the number of hash slots of a cluster.
const slots = 1 << 14

// layout is how Redis is divided into parts, each of which can lose its data alone: the masters of
// a cluster, or the one server. A layout is immutable.
type layout struct {
	// epochs has for each part the key of its epoch; the key lies in that part.
	epochs []string
	// of is the part of each slot; nil: there is one part.
	of []uint16
}

// whole is what a single server, or one behind sentinels, looks like.
var whole = &layout{epochs: []string{epochKey}}

// same reports whether every slot is in the part where it is in the other layout.
func (l *layout) same(other *layout) bool {
	return l == other || slices.Equal(l.epochs, other.epochs) && slices.Equal(l.of, other.of)
}

// part returns the part that a key is in.
func (l *layout) part(key string) int {
	if l.of == nil {
		return 0
	}
	return int(l.of[slotOf(key)])
}

// readLayout asks a cluster who has which slots.
func readLayout(ctx context.Context, rdb redis.UniversalClient) (*layout, error) {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return whole, nil
	}
	ranges, err := cluster.ClusterSlots(ctx).Result() //nolint:staticcheck // what replaces it needs Redis 7
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ranges, func(a, b redis.ClusterSlot) int { return a.Start - b.Start })
	l := &layout{of: make([]uint16, slots)}
	parts := map[string]uint16{}
	for _, r := range ranges {
		if len(r.Nodes) == 0 || r.Start < 0 || r.End >= slots {
			continue
		}
		part, known := parts[r.Nodes[0].ID]
		if !known {
			// The lowest slot names the key: all processes see the same one, also after a failover.
			part = uint16(len(parts)) //nolint:gosec // there are fewer masters than slots
			parts[r.Nodes[0].ID] = part
			l.epochs = append(l.epochs, epochKey+":{"+tagOf(r.Start)+"}")
		}
		for s := r.Start; s <= r.End; s++ {
			l.of[s] = part
		}
	}
	if len(l.epochs) == 0 {
		return nil, errors.New("the cluster has no masters")
	}
	return l, nil
}

// words reads the epoch of each part: a word that changes when the part may have lost data,
// because the server was emptied or started anew, or another server took over without the
// newest writes. A part without an epoch gets begin as its new one; with an empty begin its
// epoch is "".
func (l *layout) words(ctx context.Context, rdb redis.UniversalClient, begin string) ([]string, error) {
	calls := make([]scriptCall, len(l.epochs))
	for i, key := range l.epochs {
		calls[i] = scriptCall{keys: []string{key}, args: []any{begin}}
	}
	out := make([]string, len(calls))
	err := runAll(ctx, rdb, epochScript, calls, func(i int, cmd *redis.Cmd) (err error) {
		out[i], err = cmd.Text()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the epochs: %w", err)
	}
	return out, nil
}

// slotOf returns the hash slot of a key: that of the text in its first braces, or else of the whole key.
func slotOf(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for i := range len(key) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^key[i]]
	}
	return int(crc % slots)
}

// crcTable is of CRC-16/XMODEM, which Redis uses.
var crcTable = func() (t [256]uint16) {
	const polynomial = 0x1021
	for i := range t {
		c := uint16(i) << 8 //nolint:gosec // below 256
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// tagOf returns the smallest number that, as a hash tag, lies in slot.
func tagOf(slot int) string {
	for n := 0; ; n++ {
		if tag := strconv.Itoa(n); slotOf(tag) == slot {
			return tag
		}
	}
}
