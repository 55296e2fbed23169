package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/tests/client"
)

// addAtOnce is the number of members that one call adds: the default of limits.group_add_max.
const addAtOnce = 1000

// world is the id of the conversation of all users.
const world = "world"

// hall has all rooms of a test, which are measured together.
type hall struct {
	run   *run
	rooms []*room
	loops *errgroup.Group
}

// groups measures rooms whose members are all online: one group, several of them, or the world.
func groups(ctx context.Context, t *test) error {
	h, talking, err := assemble(ctx, t, newRun(t.cfg), max(t.cfg.Groups, 1), max(t.cfg.Group, t.cfg.World, min(t.cfg.Groups, 1)*t.cfg.Members))
	if err != nil {
		return err
	}
	err = t.each(talking, func(ctx context.Context, r *Report) error {
		hints, skipped := h.slow()
		if err := h.run.measure(ctx, t, r); err != nil {
			return err
		}
		r.Groups, r.Members = len(h.rooms), len(h.rooms[0].members)
		r.SyncHints, r.Skipped = h.slow()
		r.SyncHints, r.Skipped = r.SyncHints-hints, r.Skipped-skipped
		r.DeliveryMicros = r.ServerMicrosEach * float64(r.Stored) / float64(max(r.Delivered, 1))
		return nil
	})
	if err = h.run.end(err, h.loops, h.close); err != nil {
		return err
	}
	t.told.say("checking the histories…")
	return h.check(ctx, t.results.Runs)
}

// assemble makes rooms with all members online, and lets the senders send until run.end. The returned context ends when
// a socket fails.
func assemble(ctx context.Context, t *test, run *run, rooms, members int) (*hall, context.Context, error) {
	h := &hall{run: run}
	h.run.totals = h.totals
	accounts, err := register(ctx, t, "room", rooms*members)
	if err != nil {
		return nil, nil, err
	}
	t.told.say("making %d rooms of %d members each…", rooms, members)
	for some := range slices.Chunk(accounts, members) {
		r := &room{run: h.run, conversation: world}
		if t.cfg.World == 0 {
			r.conversation, err = found(ctx, some)
		} else {
			r.before, err = newest(ctx, some[0], world)
		}
		if err != nil {
			return nil, nil, err
		}
		r.seat(some, run.cfg)
		h.rooms = append(h.rooms, r)
	}
	err = openAll(ctx, t, len(accounts), func(ctx context.Context, i int) error {
		return h.rooms[i/members].members[i%members].open(ctx, i/perSource)
	})
	if err != nil {
		h.close()
		return nil, nil, err
	}
	h.loops, ctx = errgroup.WithContext(ctx)
	for _, r := range h.rooms {
		for _, one := range r.members {
			h.loops.Go(one.loop)
		}
	}
	for _, r := range h.rooms {
		for _, one := range r.senders() {
			if err := one.send(); err != nil {
				return nil, nil, h.run.end(err, h.loops, h.close)
			}
		}
	}
	return h, ctx, nil
}

// found makes a group of all accounts, whose owner is the first one, and returns its conversation.
func found(ctx context.Context, accounts []*client.Account) (conversation string, err error) {
	var made struct {
		GroupID        string `json:"groupId"`
		ConversationID string `json:"conversationId"`
	}
	owner := accounts[0]
	if err := owner.Call(ctx, http.MethodPost, "/api/groups", map[string]any{"name": "load", "memberIds": []string{}}, &made); err != nil {
		return "", fmt.Errorf("make a group: %w", err)
	}
	for some := range slices.Chunk(accounts[1:], addAtOnce) {
		ids := make([]string, len(some))
		for i, a := range some {
			ids[i] = a.UserID
		}
		if err := owner.Call(ctx, http.MethodPost, "/api/groups/"+made.GroupID+"/members", map[string]any{"userIds": ids}, nil); err != nil {
			return "", fmt.Errorf("add %d members: %w", len(ids), err)
		}
	}
	return made.ConversationID, nil
}

// newest returns the number of the last message of a conversation.
func newest(ctx context.Context, a *client.Account, conversation string) (uint64, error) {
	var page struct {
		LastSeq uint64 `json:"lastSeq"`
	}
	if err := a.Call(ctx, http.MethodGet, "/api/conversations/"+conversation+"/messages?limit=1", nil, &page); err != nil {
		return 0, fmt.Errorf("read the last number of %s: %w", conversation, err)
	}
	return page.LastSeq, nil
}

// seat makes the accounts members of the room; the first InFlight of them send.
func (m *room) seat(accounts []*client.Account, cfg Config) {
	head := []byte(`{"type":"send-message","data":{"conversationId":"` + m.conversation + `","messageType":"text","content":"` +
		strings.Repeat("x", cfg.Content) + `","tempMessageId":"n`)
	for i, a := range accounts {
		m.members = append(m.members, &member{room: m, account: a, sends: i < cfg.InFlight, sampled: i%sampledEvery == 0, head: slices.Clone(head)})
	}
}

func (h *hall) totals() (stored, delivered int64) {
	for _, r := range h.rooms {
		for _, one := range r.members {
			delivered += one.delivered.Load()
		}
	}
	return h.run.stored.Load(), delivered
}

// slow returns how many sync-hints came so far, and how many messages were not pushed because of slow sockets.
func (h *hall) slow() (hints, skipped int64) {
	for _, r := range h.rooms {
		hints += r.hints.Load()
		skipped += r.skipped.Load()
	}
	return hints, skipped
}

func (h *hall) close() {
	for _, r := range h.rooms {
		for _, one := range r.members {
			if one.socket != nil {
				one.socket.close()
			}
		}
	}
}

// check reads the histories of all rooms: they must be whole and have every message that was stored.
func (h *hall) check(ctx context.Context, runs []*Report) error {
	messages := 0
	for _, r := range h.rooms {
		n, err := r.check(ctx)
		if err != nil {
			return err
		}
		messages += n
	}
	for _, r := range runs {
		r.CheckedMessages = messages
	}
	return nil
}
