package memory

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	wordBytes = 8
	// entryBytes is what the LRU's list and map take for an entry, besides the key, which each of
	// them holds, and the value.
	entryBytes = 12 * wordBytes
)

// table is an LRU map of bounded bytes whose entries expire. It is not safe for concurrent use.
type table[K comparable, V any] struct {
	entries *simplelru.LRU[K, entry[V]]
	size    func(K, V) int
	most    int
	bytes   int
}

type entry[V any] struct {
	value V
	bytes int
	// until is in Unix nanoseconds.
	until int64
}

// newTable returns a table of at most most bytes; size returns how many bytes an entry refers to
// outside of its key and value.
func newTable[K comparable, V any](most int, size func(K, V) int) table[K, V] {
	entries, err := simplelru.NewLRU[K, entry[V]](math.MaxInt, nil)
	if err != nil { // only a bound below 1 can do this
		panic(fmt.Sprintf("make a table: %v", err))
	}
	return table[K, V]{entries: entries, size: size, most: most}
}

// get returns a value that has not expired, and makes it the most recently used one.
func (t *table[K, V]) get(key K, now time.Time) (value V, ok bool) {
	e, ok := t.entries.Get(key)
	if ok && e.until <= now.UnixNano() {
		t.remove(key) // as the most recently used one it would stay longer than entries that have not expired
		ok = false
	}
	if !ok {
		return value, false
	}
	return e.value, true
}

// peek returns a value that has not expired, and leaves the order of eviction alone.
func (t *table[K, V]) peek(key K, now time.Time) (value V, ok bool) {
	e, ok := t.entries.Peek(key)
	if !ok || e.until <= now.UnixNano() {
		return value, false
	}
	return e.value, true
}

// put keeps a value for some time, and evicts others to make room. A value that is larger than the
// whole table is not kept.
func (t *table[K, V]) put(key K, value V, keep time.Duration, now time.Time) {
	e := entry[V]{value: value, until: now.UnixNano() + int64(keep)}
	if e.until < 0 { // beyond the year 2262
		e.until = math.MaxInt64
	}
	e.bytes = t.size(key, value) + entryBytes + 2*int(unsafe.Sizeof(key)) + int(unsafe.Sizeof(e))
	if was, ok := t.entries.Peek(key); ok {
		t.bytes -= was.bytes
	}
	t.entries.Add(key, e)
	t.bytes += e.bytes
	for {
		_, oldest, ok := t.entries.GetOldest()
		if !ok || t.bytes <= t.most && oldest.until > now.UnixNano() {
			return
		}
		t.bytes -= oldest.bytes
		t.entries.RemoveOldest()
	}
}

func (t *table[K, V]) remove(key K) {
	if was, ok := t.entries.Peek(key); ok {
		t.bytes -= was.bytes
		t.entries.Remove(key)
	}
}

func (t *table[K, V]) clear() {
	t.entries.Purge()
	t.bytes = 0
}

// usage is how many entries there are, and how many bytes they take.
func (t *table[K, V]) usage() usage { return usage{t.entries.Len(), t.bytes} }

type usage struct{ entries, bytes int }

func (u usage) plus(others ...usage) usage {
	for _, o := range others {
		u.entries += o.entries
		u.bytes += o.bytes
	}
	return u
}
