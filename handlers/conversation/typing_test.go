package conversation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func ids(users ...contracts.UserID) []contracts.UserID { return users }

func TestTypingTells(t *testing.T) {
	tests := map[string]struct {
		conv   string
		caller int64
		to     []contracts.UserID
	}{
		"a single chat":               {single, ann, ids(bob)},
		"a single chat from its peer": {single, bob, ids(ann)},
		"a small group":               {group, bob, ids(ann, zoe)},
		"world: nobody":               {world, ann, nil},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, _, n := newService(t, Config{})
			_, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: tt.caller, ConversationId: tt.conv, ConnectionId: "connection-1"})
			if err != nil {
				t.Fatal(err)
			}
			if tt.to == nil {
				if len(n.sent) != 0 {
					t.Errorf("told %v", n.sent)
				}
				return
			}
			if len(n.sent) != 1 {
				t.Fatalf("told %v, want one delivery", n.sent)
			}
			got := n.sent[0]
			if !slices.Equal(got.to, tt.to) || got.d.GetExceptConnectionId() != "connection-1" || got.d.GetEveryone() {
				t.Errorf("told %v: %v; want %v", got.to, got.d, tt.to)
			}
			want := fmt.Sprintf(`{"type":"typing","data":{"conversationId":%q,"userId":"%d"}}`, tt.conv, tt.caller)
			if string(got.d.GetFrame()) != want {
				t.Errorf("frame is %s, want %s", got.d.GetFrame(), want)
			}
			if len(got.d.GetConversationId()) != 0 || got.d.GetSeqId() != 0 {
				t.Error("a slow socket would be told to pull a typing")
			}
			if got.d.GetFrameType() != contracts.FrameTyping || got.d.GetClass() != pb.Delivery_CLASS_EVENT {
				t.Errorf("it goes as %q of %v, want an event", got.d.GetFrameType(), got.d.GetClass())
			}
		})
	}
}

func TestTypingInGroupsBySize(t *testing.T) {
	many := func(n int) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = int64(i + 1)
		}
		return out
	}
	tests := map[string]struct {
		cached int64
		real   int
		told   int
		asked  bool
	}{
		"alone":                     {1, 1, 0, true},
		"at the border":             {5, 5, 4, true},
		"one over it":               {6, 6, 0, false},
		"grown since it was cached": {5, 6, 0, true},
		"much grown":                {5, 1000, 0, true},
		"shrunk since":              {5, 2, 1, true},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, f, n := newService(t, Config{TypingGroupMax: 5})
			f.count, f.members = tt.cached, many(tt.real)
			if _, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: group}); err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, d := range n.sent {
				told += len(d.to)
			}
			if told != tt.told || (len(f.pages) > 0) != tt.asked {
				t.Errorf("%d are told after %d pages, want %d", told, len(f.pages), tt.told)
			}
			if len(f.pages) > 3 {
				t.Errorf("%d pages of a group that is too large", len(f.pages))
			}
			for _, p := range f.pages {
				if p.GetGroupId() != 9 || p.GetLimit() != 5 {
					t.Errorf("the store is asked for %v", p)
				}
			}
		})
	}
}

func TestTypingWhenMembersCannotBeListed(t *testing.T) {
	for want, cause := range map[contracts.Code]error{
		contracts.CodeNotFound:    noRow(),
		contracts.CodeUnavailable: context.DeadlineExceeded,
		contracts.CodeInternal:    errors.New("no such column"),
	} {
		s, f, n := newService(t, Config{})
		f.listErr = cause
		_, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: group})
		if wantCode(t, err, want); len(n.sent) != 0 {
			t.Errorf("told %v", n.sent)
		}
	}
}

func TestTypingEndsWhenAStoreGivesEmptyPages(t *testing.T) {
	s, f, n := newService(t, Config{})
	f.endless = true
	if _, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: group}); err != nil || len(f.pages) != 1 || len(n.sent) != 0 {
		t.Errorf("%d pages, told %v, %v", len(f.pages), n.sent, err)
	}
}

func TestTypingInADissolvedGroup(t *testing.T) {
	s, f, n := newService(t, Config{})
	_, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: gone})
	if wantCode(t, err, contracts.CodeConflict); len(n.sent)+len(f.pages) != 0 {
		t.Error("somebody was told")
	}
}

func TestTypingWhenNobodyCanBeTold(t *testing.T) {
	s, _, n := newService(t, Config{})
	n.err = errors.New("broker is down")
	_, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: single})
	if e := wantCode(t, err, contracts.CodeUnavailable); !errors.Is(e, n.err) {
		t.Errorf("the cause is lost: %v", e)
	}
}

func TestTypingNeedsOneWholeFact(t *testing.T) {
	for what, facts := range map[string]func([]*pb.Membership) []*pb.Membership{
		"no fact":                     func([]*pb.Membership) []*pb.Membership { return nil },
		"two facts":                   func(m []*pb.Membership) []*pb.Membership { return append(m, m...) },
		"member of what is not there": func(m []*pb.Membership) []*pb.Membership { m[0].Exists = false; return m },
	} {
		s, f, n := newService(t, Config{})
		f.facts = facts
		_, err := s.Typing(t.Context(), &pb.TypingRequest{CallerId: ann, ConversationId: single})
		if wantCode(t, err, contracts.CodeNotFound); len(n.sent) != 0 {
			t.Errorf("%s: told %v", what, n.sent)
		}
	}
}

func TestNewRefusesAConfiguration(t *testing.T) {
	tests := map[string]func(*Config, *Deps){
		"list_max negative":          func(c *Config, _ *Deps) { c.ListMax = -1 },
		"list_max over 32 bits":      func(c *Config, _ *Deps) { c.ListMax = math.MaxInt32 + 1 },
		"list_default negative":      func(c *Config, _ *Deps) { c.ListDefault = -1 },
		"list_default over list_max": func(c *Config, _ *Deps) { c.ListMax, c.ListDefault = 10, 11 },
		"typing_group_max negative":  func(c *Config, _ *Deps) { c.TypingGroupMax = -1 },
		"typing_group_max, 32 bits":  func(c *Config, _ *Deps) { c.TypingGroupMax = math.MaxInt32 + 1 },
		"notify_timeout negative":    func(c *Config, _ *Deps) { c.NotifyTimeout = -time.Second },
		"history_max of 0":           func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.HistoryMax = 0 },
		"history_max over 32 bits": func(c *Config, _ *Deps) {
			c.Limits = contracts.DefaultLimits()
			c.Limits.HistoryMax = math.MaxInt32 + 1
		},
		"history_default of 0":      func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.HistoryDefault = 0 },
		"history_default too large": func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.HistoryDefault = 201 },
		"sync_conversations of 0":   func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.SyncConversations = 0 },
		"no conversations":          func(_ *Config, d *Deps) { d.Conversations = nil },
		"no directory":              func(_ *Config, d *Deps) { d.Directory = nil },
		"no members":                func(_ *Config, d *Deps) { d.Members = nil },
		"no notifier":               func(_ *Config, d *Deps) { d.Notifier = nil },
	}
	for what, breakIt := range tests {
		f, cfg := &fakeStore{}, Config{}
		deps := Deps{Conversations: f, Directory: f, Members: f, Notifier: &fakeNotifier{}}
		breakIt(&cfg, &deps)
		if _, err := New(cfg, deps); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	if c := (Config{ListMax: 10}).withDefaults(); c.ListDefault != 10 || c.Validate() != nil {
		t.Errorf("a small list_max gets the default %d, %v", c.ListDefault, c.Validate())
	}
}
