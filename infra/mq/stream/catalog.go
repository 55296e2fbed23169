package stream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/gochat/gochat/infra/mq"
)

// state is what the ledger keeps.
type state struct {
	// NextTopic is the id of the next topic. Ids are never used twice, so that
	// a topic made anew does not see its predecessor's messages.
	NextTopic uint64                       `json:"nextTopic"`
	Topics    map[string]uint64            `json:"topics"`
	Offsets   map[string]map[string]uint64 `json:"offsets"` // topic → group → everything up to here is acknowledged
}

// catalog knows the topics, the groups' offsets and who reads where. Safe for
// concurrent use.
type catalog struct {
	ledger Ledger
	saving sync.Mutex // one save at a time, each newer than the one before

	mu     sync.RWMutex
	state  state
	dirty  bool
	owners map[string]chan struct{} // topic+group → held by its active subscriber
	tails  map[*Subscription]uint64 // subscriptions without a group → their mark
	single map[string]struct{}      // topics that are read without groups; see mq.Topic
}

func loadCatalog(l Ledger) (*catalog, error) {
	c := &catalog{
		ledger: l, owners: map[string]chan struct{}{}, tails: map[*Subscription]uint64{}, single: map[string]struct{}{},
		state: state{NextTopic: 1, Topics: map[string]uint64{}, Offsets: map[string]map[string]uint64{}},
	}
	data, err := l.Load()
	if err != nil {
		return nil, fmt.Errorf("load topics and offsets of the message log: %w", err)
	}
	if data == nil {
		return c, nil
	}
	if err := json.Unmarshal(data, &c.state); err != nil {
		return nil, fmt.Errorf("%w: topics and offsets: %w", ErrDamaged, err)
	}
	return c, nil
}

// clamp brings offsets into what the journal has: a torn tail may take entries
// that a group had read but nobody had been told of.
func (c *catalog) clamp(first, last uint64) {
	for _, groups := range c.state.Offsets {
		for g, offset := range groups {
			if indexOf(offset) > last {
				groups[g] = offsetOf(last, maxRecords-1)
			} else if indexOf(offset)+1 < first {
				groups[g] = offsetOf(first-1, maxRecords-1)
			}
		}
	}
}

func (c *catalog) id(topic string) (uint64, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	id, ok := c.state.Topics[topic]
	if !ok {
		return 0, fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
	}
	return id, nil
}

func (c *catalog) names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.state.Topics))
}

func (c *catalog) ensure(topics []mq.Topic) error {
	c.mu.Lock()
	for _, t := range topics {
		if _, ok := c.state.Topics[t.Name]; !ok {
			c.state.Topics[t.Name] = c.state.NextTopic
			c.state.NextTopic++
			c.dirty = true
		}
		if t.Tail {
			c.single[t.Name] = struct{}{}
		}
	}
	c.mu.Unlock()
	return c.flush()
}

func (c *catalog) remove(names []string) error {
	c.mu.Lock()
	for _, n := range names {
		if _, ok := c.state.Topics[n]; ok {
			delete(c.state.Topics, n)
			delete(c.state.Offsets, n)
			delete(c.single, n)
			c.dirty = true
		}
	}
	c.mu.Unlock()
	return c.flush()
}

// join returns where a group goes on, and makes the group when it is new.
func (c *catalog) join(topic, group string, begin uint64) (uint64, error) {
	c.mu.Lock()
	offset, known := c.state.Offsets[topic][group]
	if !known {
		if c.state.Offsets[topic] == nil {
			c.state.Offsets[topic] = map[string]uint64{}
		}
		c.state.Offsets[topic][group] = begin
		c.dirty = true
	}
	c.mu.Unlock()
	if known {
		return offset, nil
	}
	return begin, c.flush()
}

// mark remembers a group's low-water mark; it is saved a little later.
func (c *catalog) mark(topic, group string, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if groups := c.state.Offsets[topic]; groups != nil { // nil: the topic was deleted
		groups[group] = offset
		c.dirty = true
	}
}

func (c *catalog) markTail(s *Subscription, offset uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tails[s] = offset
}

func (c *catalog) dropTail(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tails, s)
}

// owner returns the token of a group: its one active subscriber holds it.
func (c *catalog) owner(topic, group string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := topic + "\x00" + group
	if c.owners[key] == nil {
		c.owners[key] = make(chan struct{}, 1)
	}
	return c.owners[key]
}

// needed returns the first entry that some group or tail still needs; end when
// nobody needs any. An offset at the end of an entry needs the next one only.
func (c *catalog) needed(end uint64) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, groups := range c.state.Offsets {
		for _, offset := range groups {
			end = min(end, indexOf(offset))
		}
	}
	for _, offset := range c.tails {
		end = min(end, indexOf(offset))
	}
	return end
}

// unjoined says whether there is a topic for groups that none has joined.
func (c *catalog) unjoined() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for name := range c.state.Topics {
		if _, single := c.single[name]; !single && len(c.state.Offsets[name]) == 0 {
			return true
		}
	}
	return false
}

// lag returns for each topic and group how many entries are beyond its mark.
func (c *catalog) lag(end uint64) map[string]map[string]uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	lag := make(map[string]map[string]uint64, len(c.state.Offsets))
	for topic, groups := range c.state.Offsets {
		lag[topic] = make(map[string]uint64, len(groups))
		for g, offset := range groups {
			if next := indexOf(offset) + 1; next < end {
				lag[topic][g] = end - next
			}
		}
	}
	return lag
}

// flush saves what has changed.
func (c *catalog) flush() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	if !c.dirty {
		c.mu.Unlock()
		return nil
	}
	data, err := json.Marshal(c.state)
	c.dirty = false
	c.mu.Unlock()
	if err == nil {
		err = c.ledger.Save(data)
	}
	if err != nil {
		c.mu.Lock()
		c.dirty = true
		c.mu.Unlock()
		return fmt.Errorf("save topics and offsets of the message log: %w", err)
	}
	return nil
}
