// Package channel is a message queue in memory, for tests: the same topics,
// groups, lanes and outbox as the durable one, gone with the process. Watermill's
// GoChannel neither orders nor keeps messages for groups.
package channel

import (
	"fmt"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq/stream"
)

// Open returns an empty queue. Entries that every group has acknowledged are
// forgotten, beyond a little that is retained.
func Open(log *zap.Logger) (*stream.Stream, error) {
	m := &memory{first: 1}
	return stream.Open(stream.Config{RetainBytes: 1 << 20}, m, m, log)
}

// memory is a journal and a ledger.
type memory struct {
	mu      sync.RWMutex
	first   uint64
	entries [][]byte
	state   []byte
}

func (m *memory) Append(_ uint64, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, slices.Clone(data))
	return nil
}

func (m *memory) Read(index uint64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if index < m.first || index-m.first >= uint64(len(m.entries)) {
		return nil, fmt.Errorf("%w: entry %d is not in memory", stream.ErrDamaged, index)
	}
	return m.entries[index-m.first], nil
}

func (m *memory) Bounds() (first, last uint64, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.first, m.first + uint64(len(m.entries)) - 1, nil
}

func (m *memory) Truncate(before uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(before-m.first, uint64(len(m.entries)))
	m.entries = slices.Clone(m.entries[n:])
	m.first += n
	return nil
}

func (m *memory) Load() ([]byte, error) { return m.state, nil }

func (m *memory) Save(state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = state
	return nil
}

func (*memory) Close() error { return nil }
