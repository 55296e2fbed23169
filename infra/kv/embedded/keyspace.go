package embedded

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/btree"
)

// kind is the type of a key.
type kind byte

const (
	kindString kind = iota
	kindHash
	kindSet
	kindZSet
)

func (k kind) String() string { return [...]string{"string", "hash", "set", "zset"}[k] }

// item is what a key holds.
type item struct {
	kind   kind
	str    string
	hash   map[string]string
	set    map[string]struct{}
	zset   *zset
	expire int64 // Unix ms; 0: never
	cost   int   // approximate bytes, with what bookkeeping costs
	kept   bool  // never evicted
}

// keyCost is about what an empty key costs: two map cells, the item, headers.
const keyCost = 200

// keyspace is all keys. Callers hold the server's lock.
type keyspace struct {
	items    map[string]*item
	volatile map[string]*item // those that expire
	bytes    int
	limit    int
	keep     []string
	now      func() time.Time
}

func newKeyspace(cfg Config) *keyspace {
	return &keyspace{
		items: map[string]*item{}, volatile: map[string]*item{}, limit: cfg.MaxBytes, keep: cfg.Keep, now: cfg.Now,
	}
}

// isKept reports whether a key may never be evicted.
func (ks *keyspace) isKept(key string) bool {
	return slices.ContainsFunc(ks.keep, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

func (ks *keyspace) clock() int64 { return ks.now().UnixMilli() }

// get returns a living key or nil.
func (ks *keyspace) get(key string) *item {
	it := ks.items[key]
	if it != nil && it.expire != 0 && it.expire <= ks.clock() {
		ks.remove(key)
		return nil
	}
	return it
}

// typed returns a living key of a kind, nil when there is none.
func (ks *keyspace) typed(key string, k kind) (*item, error) {
	it := ks.get(key)
	if it != nil && it.kind != k {
		return nil, errWrongType
	}
	return it, nil
}

// open returns a key of a kind and makes it when it is missing.
func (ks *keyspace) open(key string, k kind) (*item, error) {
	it, err := ks.typed(key, k)
	if it != nil || err != nil {
		return it, err
	}
	it = &item{kind: k, cost: keyCost + len(key), kept: ks.isKept(key)}
	switch k {
	case kindHash:
		it.hash = map[string]string{}
	case kindSet:
		it.set = map[string]struct{}{}
	case kindZSet:
		it.zset = newZSet()
	case kindString:
	}
	ks.items[key] = it
	ks.bytes += it.cost
	return it, nil
}

// grow accounts for bytes that came to a key or left it.
func (ks *keyspace) grow(it *item, bytes int) {
	it.cost += bytes
	ks.bytes += bytes
}

func (ks *keyspace) setString(key, value string) *item {
	it := ks.items[key]
	if it == nil || it.kind != kindString {
		ks.remove(key)
		it, _ = ks.open(key, kindString) // it is missing: no wrong type
	}
	ks.grow(it, len(value)-len(it.str))
	it.str = value
	return it
}

func (ks *keyspace) expireAt(key string, it *item, at int64) {
	it.expire = at
	if at == 0 {
		delete(ks.volatile, key)
	} else {
		ks.volatile[key] = it
	}
}

func (ks *keyspace) remove(key string) bool {
	it := ks.items[key]
	if it == nil {
		return false
	}
	ks.bytes -= it.cost
	delete(ks.items, key)
	delete(ks.volatile, key)
	return true
}

// dropEmpty removes a collection that lost its last member.
func (ks *keyspace) dropEmpty(key string, it *item) {
	if len(it.hash) == 0 && len(it.set) == 0 && (it.zset == nil || it.zset.len() == 0) {
		ks.remove(key)
	}
}

func (ks *keyspace) flush() {
	ks.items, ks.volatile, ks.bytes = map[string]*item{}, map[string]*item{}, 0
}

// Expired keys are looked for as Redis does it: a sample of those that expire,
// again while many of the sample were due
// (https://redis.io/docs/latest/commands/expire/#how-redis-expires-keys).
const (
	sampleSize = 64
	sampleMost = 16 // samples in one slice, so that nobody waits for long
	// evictSample is how many keys a victim is chosen from; evictMost how many are
	// looked at for that.
	evictSample = 3
	evictMost   = 1000
)

// expireSlice removes some expired keys; more says that another slice is worth
// it at once.
func (ks *keyspace) expireSlice() (more bool) {
	now := ks.clock()
	for range sampleMost {
		seen, due := 0, 0
		for key, it := range ks.volatile { // starts anywhere
			if seen++; seen > sampleSize {
				break
			}
			if it.expire <= now {
				ks.remove(key)
				due++
			}
		}
		if due*4 <= seen {
			return false
		}
	}
	return true
}

// evict removes keys until the memory is within its limit, or nothing is left that
// may go. Whoever misses a key asks the database.
func (ks *keyspace) evict() {
	for ks.bytes > ks.limit {
		victim, found := ks.victim()
		if !found {
			return
		}
		ks.remove(victim)
	}
}

// victim is the key that is due first of a few that expire, or any key where few
// expire.
func (ks *keyspace) victim() (victim string, found bool) {
	from := ks.volatile
	if len(ks.volatile)*4 < len(ks.items) {
		from = ks.items
	}
	seen, asked, first := 0, 0, int64(0)
	for key, it := range from { // starts anywhere
		if asked++; asked > evictMost {
			break
		}
		if it.kept {
			continue
		}
		if !found || it.expire < first {
			victim, first, found = key, it.expire, true
		}
		if seen++; seen == evictSample {
			break
		}
	}
	return victim, found
}

// member is one member of a sorted set.
type member struct {
	score float64
	name  string
}

func before(a, b member) bool {
	if a.score != b.score {
		return a.score < b.score
	}
	return a.name < b.name
}

// zset is a sorted set: by name and by score.
type zset struct {
	scores map[string]float64
	order  *btree.BTreeG[member]
}

func newZSet() *zset {
	return &zset{
		scores: map[string]float64{},
		order:  btree.NewBTreeGOptions(before, btree.Options{NoLocks: true, Degree: 16}),
	}
}

func (z *zset) len() int { return len(z.scores) }

// put sets a member's score; added says that it was not there.
func (z *zset) put(name string, score float64) (added bool) {
	old, had := z.scores[name]
	if had {
		if old == score {
			return false
		}
		z.order.Delete(member{old, name})
	}
	z.scores[name] = score
	z.order.Set(member{score, name})
	return !had
}

func (z *zset) drop(name string) bool {
	score, had := z.scores[name]
	if had {
		delete(z.scores, name)
		z.order.Delete(member{score, name})
	}
	return had
}
