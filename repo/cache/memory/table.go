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
	// entryBytes are what the list and the map take for an entry beside its key, twice, and its
	// value.
	entryBytes = 12 * wordBytes
)

// table is a map of bounded bytes, whose entries have their time. It is not for concurrent use.
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

// newTable returns a table of at most so many bytes; size is what an entry holds outside of itself.
func newTable[K comparable, V any](most int, size func(K, V) int) table[K, V] {
	entries, err := simplelru.NewLRU[K, entry[V]](math.MaxInt, nil)
	if err != nil { // only a bound below 1 can do this
		panic(fmt.Sprintf("make a table: %v", err))
	}
	return table[K, V]{entries: entries, size: size, most: most}
}

// get returns what is there, which is then the last to be driven out.
func (t *table[K, V]) get(key K, now time.Time) (value V, ok bool) {
	e, ok := t.entries.Get(key)
	if !ok || e.until <= now.UnixNano() {
		return value, false
	}
	return e.value, true
}

// peek returns what is there and leaves the order alone.
func (t *table[K, V]) peek(key K, now time.Time) (value V, ok bool) {
	e, ok := t.entries.Peek(key)
	if !ok || e.until <= now.UnixNano() {
		return value, false
	}
	return e.value, true
}

// put keeps a value for some time, if it has room at all, and drives others out for it.
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
