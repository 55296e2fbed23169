// Package repotest is the conformance suite of the storage role: it tests the role's
// services on every database and every cache.
package repotest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
)

// Role is an open storage role.
type Role interface {
	Register(on grpc.ServiceRegistrar)
}

// Suite is a role under test.
type Suite struct {
	Role Role
	// FlushCache empties the role's cache, as a restart would.
	FlushCache func(ctx context.Context) error
	// KeepsSessions: FlushCache leaves the sessions, which only the end of the process removes.
	KeepsSessions bool
}

// clients are the role's services.
type clients struct {
	pb.MessageRepoClient
	pb.ConversationRepoClient
	pb.UserRepoClient
	pb.SessionRepoClient
	pb.GroupRepoClient
	pb.FeedRepoClient
	pb.SearchRepoClient
	pb.LimitRepoClient
	pb.DeviceRepoClient
	pb.ReceiptRepoClient
	pb.PresenceRepoClient
	pb.PoisonRepoClient
	pb.RetentionRepoClient
	flush         func(ctx context.Context) error
	keepsSessions bool
}

var lastID atomic.Int64

func init() { lastID.Store(time.Now().UnixMilli() << 20) } //nolint:gochecknoinits // runs on one database must not meet

func nextID() int64 { return lastID.Add(1) }

// tests are the parts of the suite.
var tests = map[string]func(*testing.T, *clients){
	"users":                                 accounts,
	"tokens":                                tokens,
	"single chats are made once":            singles,
	"first messages make their chats":       firstMessages,
	"calls that make the same chats meet":   firstMessagesMeet,
	"numbers follow each other":             numbers,
	"a key is stored once":                  keys,
	"refusals hurt nobody else":             refusals,
	"what was given up is never stored":     givenUp,
	"giving up while it is stored":          givenUpMeanwhile,
	"history by every bound":                history,
	"read positions":                        reads,
	"list and sync":                         listing,
	"unread counts messages":                unread,
	"unread in groups":                      unreadOfGroups,
	"sync of many":                          syncing,
	"sync of who is ahead":                  syncingAhead,
	"numbers survive the loss of the cache": flushUnderLoad,
	"sessions":                              sessions,
	"members of groups come and go":         membersComeAndGo,
	"who may change a group":                preconditions,
	"a group announces what changes":        announcements,
	"a dissolved group is left":             leavingDissolved,
	"members change under load":             membersUnderLoad,
	"a shrinking group counts as large":     shrinking,
	"messages change":                       messagesChange,
	"changes that are refused":              changesRefused,
	"changes and the cache":                 changesAndCache,
	"a hook gets what is stored":            hookTakes,
	"a hook begins now or with everything":  hookBegins,
	"two take for a hook":                   hookSharers,
	"a scan finds what nobody told":         hookScans,
	"search":                                searching,
	"search is for members":                 searchIsForMembers,
	"pages of a search":                     searchPages,
	"limits":                                limits,
	"marks":                                 marks,
	"limits that make no sense":             badLimits,
	"devices":                               devices,
	"tokens of devices":                     deviceTokens,
	"as many tokens as a device may have":   deviceTokenCap,
	"signing out everywhere":                signOut,
	"tokens of nobody":                      orphans,
	"a device is revoked while it is used":  revokedInUse,
	"as many devices as are remembered":     deviceCap,
	"who is online":                         online,
	"watchers are told":                     watched,
	"who has written":                       wrote,
	"delivered positions":                   delivered,
	"readers":                               readers,
	"poisoned records":                      poisoned,
	"poisoned records are forgotten":        forgetting,
	"messages expire":                       expiring,
	"what has expired takes no changes":     expiredRefuses,
	"what has expired is so everywhere":     expiredEverywhere,
	"many messages expire":                  expiringMany,
}

// Run runs the suite. Users and conversations are its own, so a database may be
// used again.
func Run(t *testing.T, s Suite) {
	t.Helper()
	c := connect(s)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func connect(s Suite) *clients {
	local := rpc.NewLocal()
	s.Role.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	return &clients{
		pb.NewMessageRepoClient(conn), pb.NewConversationRepoClient(conn), pb.NewUserRepoClient(conn), pb.NewSessionRepoClient(conn),
		pb.NewGroupRepoClient(conn), pb.NewFeedRepoClient(conn), pb.NewSearchRepoClient(conn),
		pb.NewLimitRepoClient(conn), pb.NewDeviceRepoClient(conn), pb.NewReceiptRepoClient(conn), pb.NewPresenceRepoClient(conn),
		pb.NewPoisonRepoClient(conn), pb.NewRetentionRepoClient(conn), s.FlushCache, s.KeepsSessions,
	}
}

func (c *clients) user(t *testing.T) int64 {
	t.Helper()
	id := nextID()
	_, err := c.CreateUser(t.Context(), &pb.CreateUserRequest{
		User: &pb.User{UserId: id, Username: fmt.Sprint("U", id), Nickname: "Nick", CreatedAt: 1}, PasswordHash: "hash",
	})
	require.NoError(t, err)
	return id
}

func (c *clients) single(t *testing.T) (conv string, a, b int64) {
	t.Helper()
	a, b = c.user(t), c.user(t)
	got, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: a, PeerId: b})
	require.NoError(t, err)
	return got.GetConversationId(), a, b
}

func message(conv string, sender int64, key string) *pb.Message {
	return &pb.Message{
		MessageId: nextID(), ConversationId: conv, SenderId: sender, Content: "hello " + key, MessageType: "text", TempMessageId: key, Timestamp: time.Now().UnixMilli(),
	}
}

func (c *clients) save(t *testing.T, run ...*pb.Message) []*pb.SaveResult {
	t.Helper()
	out, err := c.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: run})
	require.NoError(t, err)
	require.Len(t, out.GetResults(), len(run))
	return out.GetResults()
}

func code(err error) contracts.Code {
	if err == nil {
		return ""
	}
	return contracts.AsError(err).Code
}
