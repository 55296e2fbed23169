package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// dumped is one line of a dump: a message of a topic, or the last line, which counts the others.
type dumped struct {
	Topic    string            `json:"topic,omitempty"`
	UUID     string            `json:"uuid,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Payload  []byte            `json:"payload,omitempty"`
	End      *int              `json:"end,omitempty"`
}

// dumpBatch is how much of a dump is published in one call, in bytes with what a record costs.
const dumpBatch = 4 << 20

// Dump writes the messages that some group has not acknowledged, as lines of JSON in their order, and
// how many there were at the end. Every message that was published before the call and is not acknowledged
// after it is among them; others may be. Publishing and reading go on meanwhile. Topics without
// groups are left out: nobody waits for what is in them.
func (s *Stream) Dump(ctx context.Context, w io.Writer) error {
	from, low, topics, release := s.hold()
	defer release()
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	n := 0
	for index, end := from, s.ring.end(); index < end; index++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("dump the message log: %w", err)
		}
		e, _, err := s.entry(index)
		if err != nil {
			return fmt.Errorf("dump the message log: %w", err)
		}
		if e == nil {
			continue // before the first one
		}
		for i, r := range e.records {
			mark, waited := low[r.topic]
			if !waited || offsetOf(index, i) <= mark {
				continue
			}
			one := dumped{Topic: topics[r.topic], UUID: r.msg.UUID, Metadata: r.msg.Metadata, Payload: r.msg.Payload}
			if err := enc.Encode(one); err != nil {
				return fmt.Errorf("write the dump of the message log: %w", err)
			}
			n++
		}
	}
	if err := errors.Join(enc.Encode(dumped{End: &n}), out.Flush()); err != nil {
		return fmt.Errorf("write the dump of the message log: %w", err)
	}
	return nil
}

// hold keeps entries that some group needs from being dropped, until release is called. low is
// for each topic's id up to where all of its groups have acknowledged.
func (s *Stream) hold() (from uint64, low map[uint64]uint64, topics map[uint64]string, release func()) {
	s.holding.Lock()
	defer s.holding.Unlock()
	low, topics = s.catalog.unacknowledged()
	from = s.ring.end()
	for _, offset := range low {
		from = min(from, indexOf(offset))
	}
	from = max(from, s.ring.first())
	token := new(uint64)
	*token = from
	s.held[token] = struct{}{}
	return from, low, topics, func() {
		s.holding.Lock()
		defer s.holding.Unlock()
		delete(s.held, token)
	}
}

// unacknowledged returns the lowest mark of each topic that has groups, and the topics' names.
func (c *catalog) unacknowledged() (low map[uint64]uint64, topics map[uint64]string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	low, topics = map[uint64]uint64{}, map[uint64]string{}
	for name, id := range c.state.Topics {
		topics[id] = name
		for _, offset := range c.state.Offsets[name] {
			if mark, there := low[id]; !there || offset < mark {
				low[id] = offset
			}
		}
	}
	return low, topics
}

// ErrNoDump is wrapped when what should be a dump is none, or not all of one.
var ErrNoDump = errors.New("this is no whole dump of a message log")

// Load publishes the messages of a dump in their order, and makes their topics. When it fails, a part of
// them may be there.
func (s *Stream) Load(ctx context.Context, r io.Reader) error {
	in := &bounded{r: r}
	dec := json.NewDecoder(in)
	var batch []mq.Outbound
	made := map[string]bool{}
	bytes, n := 0, 0
	for {
		var one dumped
		in.left = dumpedMax
		if err := dec.Decode(&one); err != nil {
			return fmt.Errorf("%w: after %d messages: %w", ErrNoDump, n, err)
		}
		if one.End != nil || bytes > dumpBatch {
			if err := (outbox{s}).Publish(ctx, batch...); err != nil {
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
			if err := s.Ensure(ctx, mq.Topic{Name: one.Topic}); err != nil {
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

// dumpedMax is more than a line of a dump has, in bytes.
const dumpedMax = 64 << 20

var errLine = fmt.Errorf("a line of more than %d bytes", dumpedMax)

// bounded reads at most so much for one line, so that no line takes all of the memory.
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
