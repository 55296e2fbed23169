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
	tails  map[*Subscription]uint64 // subscriptions without a group → their low-water mark
	about  map[uint64]about         // what is special about topics, by their ids
	// saved are the groups' offsets as of the last save: a restart goes on there.
	saved map[string]map[string]uint64
	// settled returns when every follow-up that was published so far is durable.
	settled func() error
}

// about is what is special about a topic; see mq.Topic.
type about uint8

const (
	aboutTail about = iota + 1
	aboutPatient
)

func loadCatalog(l Ledger) (*catalog, error) {
	c := &catalog{
		ledger: l, owners: map[string]chan struct{}{}, tails: map[*Subscription]uint64{}, about: map[uint64]about{},
		settled: func() error { return nil },
		state:   state{NextTopic: 1, Topics: map[string]uint64{}, Offsets: map[string]map[string]uint64{}},
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
	c.saved = c.offsets()
	return c, nil
}

// offsets returns a copy of the groups' offsets.
func (c *catalog) offsets() map[string]map[string]uint64 {
	out := make(map[string]map[string]uint64, len(c.state.Offsets))
	for topic, groups := range c.state.Offsets {
		out[topic] = maps.Clone(groups)
	}
	return out
}

// clamp brings saved offsets into the bounds of the journal, for a journal that has lost entries at either
// end.
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

// isTail reports whether a topic is a tail topic; see mq.Topic.
func (c *catalog) isTail(id uint64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.about[id] == aboutTail
}

// parted splits records into those that are kept and those of tail topics. patient: all of the kept ones are
// of patient topics.
func (c *catalog) parted(records []record) (kept, passing []record, patient bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	patient = true
	for _, r := range records {
		switch c.about[r.topic] {
		case aboutTail:
			passing = append(passing, r)
			continue
		case aboutPatient:
		default:
			patient = false
		}
		kept = append(kept, r)
	}
	return kept, passing, patient
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
		switch id := c.state.Topics[t.Name]; {
		case t.Tail:
			c.about[id] = aboutTail
		case t.Patient:
			c.about[id] = aboutPatient
		}
	}
	c.mu.Unlock()
	return c.flush()
}

func (c *catalog) remove(names []string) (ids []uint64, err error) {
	c.mu.Lock()
	for _, n := range names {
		if id, ok := c.state.Topics[n]; ok {
			for p := range c.tails {
				if p.id == id {
					p.dismiss()
				}
			}
			delete(c.about, id)
			ids = append(ids, id)
			delete(c.state.Topics, n)
			delete(c.state.Offsets, n)
			c.dirty = true
		}
	}
	c.mu.Unlock()
	return ids, c.flush()
}

// join returns where a group goes on; a new group is made, and begins at begin.
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

// owner returns the token of a group on a topic; its one active subscriber holds the token.
func (c *catalog) owner(topic, group string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := topic + "\x00" + group
	if c.owners[key] == nil {
		c.owners[key] = make(chan struct{}, 1)
	}
	return c.owners[key]
}

// needed returns the oldest entry that some group or tail still needs, and end when nobody needs any. Groups
// count with their saved offsets, where a restart goes on. The entry that an offset is in is always kept.
func (c *catalog) needed(end uint64) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, groups := range c.saved {
		for _, offset := range groups {
			end = min(end, indexOf(offset))
		}
	}
	for _, offset := range c.tails {
		end = min(end, indexOf(offset))
	}
	return end
}

// unjoined reports whether some topic other than a tail topic has no group.
func (c *catalog) unjoined() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for name, id := range c.state.Topics {
		if c.about[id] != aboutTail && len(c.state.Offsets[name]) == 0 {
			return true
		}
	}
	return false
}

// lag returns for each topic and group how many entries are beyond the group's low-water mark.
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

// flush saves changed topics and offsets, after every follow-up published so far is durable: no crash may
// keep an acknowledgement and lose what followed from it.
func (c *catalog) flush() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	if !c.dirty {
		c.mu.Unlock()
		return nil
	}
	data, err := json.Marshal(c.state)
	offsets := c.offsets()
	c.dirty = false
	c.mu.Unlock()
	if err == nil {
		err = c.settled()
	}
	if err == nil {
		err = c.ledger.Save(data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.dirty = true
		return fmt.Errorf("save topics and offsets of the message log: %w", err)
	}
	c.saved = offsets
	return nil
}
