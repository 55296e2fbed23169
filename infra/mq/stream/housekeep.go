package stream

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// rouseEvery is how often readers are woken for entries that have no record for them, so that their offsets
// move on and such entries can be dropped.
const rouseEvery = 100 * time.Millisecond

// housekeep saves offsets and drops entries that nobody needs any more.
func (s *Stream) housekeep() {
	defer s.chores.Done()
	flush := time.NewTicker(s.cfg.FlushEvery)
	defer flush.Stop()
	truncate := time.NewTicker(s.cfg.TruncateEvery)
	defer truncate.Stop()
	rouse := time.NewTicker(rouseEvery)
	defer rouse.Stop()
	roused := s.ring.end()
	for {
		select {
		case <-s.closing:
			return
		case <-rouse.C:
			if end := s.ring.end(); end != roused {
				roused = end
				s.ring.rouse()
			}
		case <-flush.C:
			if err := s.catalog.flush(); err != nil {
				s.log.Error("offsets of the message log were not saved; a restart delivers again", zap.Error(err))
			}
		case <-truncate.C:
			if err := s.truncate(); err != nil {
				s.log.Error("the message log was not truncated; it keeps growing", zap.Error(err))
			}
		}
	}
}

// awaited reports whether a group may still join that begins at the oldest entry, so that nothing may be
// dropped yet: after a start groups join one after the other, and what is in a topic without a group would be
// dropped before its group is there. JoinWithin counts from the first subscription, since a start may take
// long before that; it ends, because a topic may be one that nobody ever joins.
func (s *Stream) awaited() bool {
	began := s.read.Load()
	return (began == nil || time.Since(*began) < s.cfg.JoinWithin) && s.catalog.unjoined()
}

// truncate drops what every group has acknowledged and RetainBytes do not cover.
func (s *Stream) truncate() error {
	s.holding.Lock()
	defer s.holding.Unlock()
	if s.awaited() {
		return nil
	}
	first := s.ring.first()
	before := s.catalog.needed(s.ring.end())
	for from := range s.held {
		before = min(before, *from)
	}
	if before <= first {
		return nil
	}
	floor, err := s.keep.floor(s.journal, first)
	if err != nil {
		return fmt.Errorf("size the message log: %w", err)
	}
	if before = min(before, floor); before <= first {
		return nil
	}
	s.ring.forget(before)
	if err := s.journal.Truncate(before); err != nil {
		return fmt.Errorf("truncate the message log below entry %d: %w", before, err)
	}
	return nil
}
