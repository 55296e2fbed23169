package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// dumped is one line of a dump: a message of a topic, or the last line, which counts the others. Groups are
// only on the first line of a topic that has some; dumps of earlier releases have none.
type dumped struct {
	Topic    string            `json:"topic,omitempty"`
	Groups   []string          `json:"groups,omitempty"`
	UUID     string            `json:"uuid,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Payload  []byte            `json:"payload,omitempty"`
	End      *int              `json:"end,omitempty"`
}

// dumpBatch is how many bytes Load publishes in one call, with the overhead of each record.
const dumpBatch = 4 << 20

// Dump writes the messages that some group has not acknowledged, in their order and as lines of JSON, and a
// last line that counts them. Every message that was published before the call and is not acknowledged after
// it is among them; others may be. Publishing and reading go on meanwhile. A topic without groups is dumped
// whole, for the group that joins first, unless leftOut, which may be nil, is true for it: its only reader is
// gone with its process.
func (s *Stream) Dump(ctx context.Context, w io.Writer, leftOut func(topic string) bool) error {
	held, release := s.hold(leftOut)
	defer release()
	// Acknowledged records are not in the dump, so their follow-ups must be in the journal now.
	if err := s.settled(); err != nil {
		return fmt.Errorf("dump the message log: %w", err)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	n := 0
	for index, end := held.from, s.ring.end(); index < end; index++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("dump the message log: %w", err)
		}
		e, _, err := s.entry(index, 0) // it is there: no topic is waited for
		if err != nil {
			return fmt.Errorf("dump the message log: %w", err)
		}
		if e == nil {
			continue // before the first one
		}
		for i, r := range e.records {
			topic, wanted := held.topics[r.topic]
			if !wanted || offsetOf(index, i) <= topic.low {
				continue
			}
			one := dumped{Topic: topic.name, Groups: topic.groups, UUID: r.msg.UUID, Metadata: r.msg.Metadata, Payload: r.msg.Payload}
			if err := enc.Encode(one); err != nil {
				return fmt.Errorf("write the dump of the message log: %w", err)
			}
			topic.groups = nil
			n++
		}
	}
	if err := errors.Join(enc.Encode(dumped{End: &n}), out.Flush()); err != nil {
		return fmt.Errorf("write the dump of the message log: %w", err)
	}
	return nil
}

// holding says what a dump reads: the entries from index from on, and in them the records of these topics, by
// id.
type holding struct {
	from   uint64
	topics map[uint64]*waiting
}

// waiting is a topic with messages that some group may not have acknowledged.
type waiting struct {
	name   string
	groups []string
	low    uint64 // the lowest low-water mark of its groups
}

// hold keeps entries that some group needs from being dropped, until release is called.
func (s *Stream) hold(leftOut func(topic string) bool) (h holding, release func()) {
	s.holding.Lock()
	defer s.holding.Unlock()
	first := s.ring.first()
	h = holding{from: s.ring.end(), topics: s.catalog.unacknowledged(offsetOf(first-1, maxRecords-1), leftOut)}
	for _, t := range h.topics {
		h.from = min(h.from, indexOf(t.low))
	}
	h.from = max(h.from, first)
	token := new(uint64)
	*token = h.from
	s.held[token] = struct{}{}
	return h, func() {
		s.holding.Lock()
		defer s.holding.Unlock()
		delete(s.held, token)
	}
}

// unacknowledged returns each topic with the lowest low-water mark of its groups, or begin when it has none.
func (c *catalog) unacknowledged(begin uint64, leftOut func(topic string) bool) map[uint64]*waiting {
	c.mu.RLock()
	defer c.mu.RUnlock()
	topics := map[uint64]*waiting{}
	for name, id := range c.state.Topics {
		groups := c.state.Offsets[name]
		if len(groups) == 0 && leftOut != nil && leftOut(name) {
			continue
		}
		t := &waiting{name: name, groups: slices.Sorted(maps.Keys(groups)), low: begin}
		for i, group := range t.groups {
			if mark := groups[group]; i == 0 || mark < t.low {
				t.low = mark
			}
		}
		topics[id] = t
	}
	return topics
}

// ErrNoDump is wrapped by Load when its input is not a dump, or not a whole one.
var ErrNoDump = errors.New("this is not a complete dump of a message log")

// Load publishes the messages of a dump in their order. It first makes their topics and groups, so that what
// the groups wait for is not dropped. When it fails, a part of the messages may be published.
func (s *Stream) Load(ctx context.Context, r io.Reader) error {
	in := &bounded{r: r}
	dec := json.NewDecoder(in)
	var batch []mq.Outbound
	made, begin := map[string]bool{}, offsetOf(s.ring.end()-1, maxRecords-1)
	bytes, n := 0, 0
	for {
		var one dumped
		in.left = dumpedMax
		if err := dec.Decode(&one); err != nil {
			return fmt.Errorf("%w: after %d messages: %w", ErrNoDump, n, err)
		}
		if one.End != nil || bytes > dumpBatch {
			if err := (outbox{s.catalog, s.publish}).Publish(ctx, batch...); err != nil {
				return fmt.Errorf("load the message log: %w", err)
			}
			batch, bytes = nil, 0
		}
		if one.End != nil {
			if *one.End != n {
				return fmt.Errorf("%w: %d messages of %d", ErrNoDump, n, *one.End)
			}
			return nil
		}
		if !made[one.Topic] {
			if err := s.prepare(ctx, one.Topic, one.Groups, begin); err != nil {
				return fmt.Errorf("load the message log: %w", err)
			}
			made[one.Topic] = true
		}
		m := message.NewMessage(one.UUID, one.Payload)
		maps.Copy(m.Metadata, one.Metadata)
		batch = append(batch, mq.Outbound{Topic: one.Topic, Message: m})
		bytes += mq.RecordBytes(m) + recordOverhead
		n++
	}
}

// prepare makes a topic, and groups that have read everything up to begin.
func (s *Stream) prepare(ctx context.Context, topic string, groups []string, begin uint64) error {
	if err := s.Ensure(ctx, mq.Topic{Name: topic}); err != nil {
		return err
	}
	for _, group := range groups {
		if _, err := s.catalog.join(topic, group, begin); err != nil {
			return err
		}
	}
	return nil
}

// dumpedMax bounds a line of a dump, in bytes; no line that Dump writes is as long.
const dumpedMax = 64 << 20

var errLine = fmt.Errorf("a line of more than %d bytes", dumpedMax)

// bounded reads at most left bytes for one line, so that no line takes all of the memory.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLine
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
