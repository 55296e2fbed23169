package scale_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// cost is what something takes of the servers: counts and bytes, never time.
type cost struct {
	// commands are those that Redis ran, those within scripts included.
	commands float64
	// redisSent and redisFetched are bytes on the connections to Redis.
	redisSent, redisFetched float64
	// statements are those of SQL, without the beginning and the end of transactions.
	statements           float64
	sqlSent, sqlFetched  float64
	records, recordBytes float64 // that were published to the queue
}

// figures are the parts of a cost, with their names.
func (c cost) figures() []figure {
	return []figure{
		{"commands of Redis", c.commands}, {"bytes to Redis", c.redisSent}, {"bytes from Redis", c.redisFetched},
		{"statements of SQL", c.statements}, {"bytes to the database", c.sqlSent}, {"bytes from the database", c.sqlFetched},
		{"records", c.records}, {"bytes in records", c.recordBytes},
	}
}

type figure struct {
	name  string
	value float64
}

// measure does something n times and returns what one time takes.
func (s *system) measure(t *testing.T, n int, do func(i int)) cost {
	t.Helper()
	before := s.spent(t)
	for i := range n {
		do(i)
	}
	return s.spent(t).minus(before).by(float64(n))
}

// spent is what everything has taken so far.
func (s *system) spent(t *testing.T) cost {
	t.Helper()
	var c cost
	for _, n := range s.monitor.count(t) {
		c.commands += float64(n)
	}
	c.redisSent, c.redisFetched = float64(s.redis.sent.Load()), float64(s.redis.fetched.Load())
	c.statements, c.sqlSent, c.sqlFetched = float64(s.statements.Load()), float64(s.sql.sent.Load()), float64(s.sql.fetched.Load())
	records, bytes, _ := s.queue.counts()
	c.records, c.recordBytes = float64(records), float64(bytes)
	return c
}

func (c cost) minus(o cost) cost {
	return c.with(o, func(a, b float64) float64 { return a - b })
}

func (c cost) by(n float64) cost {
	return c.with(cost{}, func(a, _ float64) float64 { return a / n })
}

func (c cost) with(o cost, do func(a, b float64) float64) cost {
	return cost{
		commands:  do(c.commands, o.commands),
		redisSent: do(c.redisSent, o.redisSent), redisFetched: do(c.redisFetched, o.redisFetched),
		statements: do(c.statements, o.statements), sqlSent: do(c.sqlSent, o.sqlSent), sqlFetched: do(c.sqlFetched, o.sqlFetched),
		records: do(c.records, o.records), recordBytes: do(c.recordBytes, o.recordBytes),
	}
}

// growth is by how much a cost may differ between two sizes of which one is ten times the other. Ids and
// numbers are longer where there are more of them.
const growth = 1.1

// unchanged fails when something takes more than it did in a smaller system.
func unchanged(t *testing.T, what string, small, large cost) {
	t.Helper()
	was := small.figures()
	for i, is := range large.figures() {
		assert.LessOrEqual(t, is.value, was[i].value*growth, "%s: %s for each, which were %.2f", what, is.name, was[i].value)
	}
}

// row is a line of a table.
func (c cost) row(what string) string {
	line := "| " + what
	for _, f := range c.figures() {
		line += fmt.Sprintf(" | %.4g", f.value)
	}
	return line + " |"
}

// sorted are the keys of a map, in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
