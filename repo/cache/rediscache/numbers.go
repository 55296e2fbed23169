package rediscache

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// Stored asks which sends are known to be stored. The result has one message per
// key with ids, number and time; an ID of 0 is a miss.
func (c *Cache) Stored(ctx context.Context, keys []store.ClientKey) ([]store.Message, error) {
	cmds := make([]*redis.StringCmd, len(keys))
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for i, k := range keys {
			cmds[i] = pipe.Get(ctx, dedupKey(k))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look %d sends up in the cache: %w", len(keys), err)
	}
	out := make([]store.Message, len(keys))
	for i, cmd := range cmds {
		if m, hit := parseDedup(cmd.Val()); hit {
			m.ConversationID, m.SenderID, m.ClientID = keys[i].ConversationID, keys[i].SenderID, keys[i].ClientID
			out[i] = m
		}
	}
	return out, nil
}

// Allocate proposes a number for each key: the one that the key was given before, the next one of
// its conversation, or 0 when the conversation's counter is missing.
func (c *Cache) Allocate(ctx context.Context, keys []store.ClientKey) ([]uint64, error) {
	groups := c.grouped(len(keys), func(i int) string { return keys[i].ConversationID })
	calls := make([]scriptCall, len(groups))
	for g, group := range groups {
		names := make([]string, 0, 2*len(group))
		for _, i := range group {
			names = append(names, seqKey(keys[i].ConversationID), dedupKey(keys[i]))
		}
		calls[g] = scriptCall{keys: names, args: []any{int(cache.GivenFor.Seconds())}}
	}
	out := make([]uint64, len(keys))
	err := c.guard.do(ctx, func(ctx context.Context) error {
		return runAll(ctx, c.rdb, allocateScript, calls, func(g int, cmd *redis.Cmd) error {
			numbers, err := cmd.Int64Slice()
			if err == nil && len(numbers) != len(groups[g]) {
				err = fmt.Errorf("%d numbers for %d messages", len(numbers), len(groups[g]))
			}
			if err != nil {
				return err
			}
			for j, i := range groups[g] {
				out[i] = uint64(numbers[j])
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("take %d numbers from the cache: %w", len(keys), err)
	}
	return out, nil
}

// grouped returns the indexes that may be in one call together: all of them, or
// on a cluster those of one conversation.
func (c *Cache) grouped(n int, conv func(int) string) [][]int {
	if !c.slots {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return [][]int{all}
	}
	var groups [][]int
	at := make(map[string]int, n)
	for i := range n {
		id := conv(i)
		g, known := at[id]
		if !known {
			g = len(groups)
			at[id] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// Seed sets counters that are missing.
func (c *Cache) Seed(ctx context.Context, last map[string]uint64) error {
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for conv, seq := range last {
			pipe.SetNX(ctx, seqKey(conv), seq, 0)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("seed %d counters: %w", len(last), err)
	}
	return nil
}

// Follow lets the cache follow a transaction: ids of what is stored, hot
// messages, counters.
func (c *Cache) Follow(ctx context.Context, done []store.Committed) error {
	groups := c.grouped(len(done), func(i int) string { return done[i].ConversationID })
	calls := make([]scriptCall, len(groups))
	for g, group := range groups {
		call := scriptCall{keys: make([]string, 0, 9*len(group)), args: make([]any, 0, 3+20*len(group))}
		call.args = append(call.args, int(cache.StoredFor.Seconds()), int(cache.HotFor.Seconds()), cache.HotMessages)
		for _, i := range group {
			call.follow(&done[i])
		}
		calls[g] = call
	}
	err := c.guard.do(ctx, func(ctx context.Context) error {
		return runAll(ctx, c.rdb, commitScript, calls, func(_ int, cmd *redis.Cmd) error { return cmd.Err() })
	})
	if err != nil {
		return fmt.Errorf("let the cache follow %d conversations: %w", len(done), err)
	}
	return nil
}

// follow adds a conversation in the form that the script reads.
func (s *scriptCall) follow(d *store.Committed) {
	s.keys = append(s.keys, seqKey(d.ConversationID), hotKey(d.ConversationID), hotMarkKey(d.ConversationID))
	hot := d.Stored[max(0, len(d.Stored)-cache.HotMessages):]
	s.args = append(s.args, d.LastSeq, d.TopProposed, len(d.Stored)+len(d.Known), len(d.Refused), len(hot),
		d.Changed, d.ChangedBefore, len(d.Updated), len(d.Dropped))
	for _, list := range [][]store.Message{d.Stored, d.Known} {
		for i := range list {
			s.keys = append(s.keys, dedupKey(list[i].Key()))
			s.args = append(s.args, dedupValue(&list[i]))
		}
	}
	for _, k := range d.Refused {
		s.keys = append(s.keys, dedupKey(k))
	}
	for i := range hot {
		s.args = append(s.args, hot[i].Seq, encode(&hot[i]))
	}
	for i := range d.Updated {
		s.args = append(s.args, d.Updated[i].Seq, encode(&d.Updated[i]))
	}
	for _, seq := range d.Dropped {
		s.args = append(s.args, seq)
	}
}
