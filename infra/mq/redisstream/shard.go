package redisstream

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/gochat/gochat/infra/mq"
)

// cursor is a place in a stream: the id of an entry, and how many entries were ever added up to it, trimmed
// ones included.
type cursor struct {
	id    string
	count uint64
}

// String is what is kept at the server.
func (c cursor) String() string { return c.id + "/" + strconv.FormatUint(c.count, 10) }

func parseCursor(s string) (cursor, error) {
	id, text, _ := strings.Cut(s, "/")
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return cursor{}, fmt.Errorf("read the cursor %q: %w", s, err)
	}
	return cursor{id, count}, nil
}

// shard is a shard that this member owns. An entry's offset is its count, as in cursor.
type shard struct {
	number int
	stream string
	lease  string // what the lease holds
	source *mq.Source

	mu     sync.Mutex
	fed    cursor   // the last entry that was fed, or is being fed
	ids    []string // of the entries between marked and fed
	marked cursor   // the low-water mark
	saved  cursor   // what is kept at the server
}

func newShard(number int, stream, lease string, at cursor) *shard {
	return &shard{number: number, stream: stream, lease: lease, fed: at, marked: at, saved: at}
}

// next gives an entry its offset.
func (s *shard) next(id string) (offset uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	s.fed = cursor{id, s.fed.count + 1}
	return s.fed.count
}

// position is the id behind which reading goes on.
func (s *shard) position() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fed.id
}

// mark takes the new low-water mark.
func (s *shard) mark(offset uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := offset - s.marked.count
	s.marked = cursor{s.ids[n-1], offset}
	s.ids = s.ids[n:]
}

// unsaved returns the low-water mark, and whether the server does not know it yet.
func (s *shard) unsaved() (at cursor, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marked, s.marked != s.saved
}

func (s *shard) save(at cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = at
}
