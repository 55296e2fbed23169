package cli

import (
	"context"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/tests/client"
)

// TestAnnouncedAfterACrash: a process dies between the change of a group and its
// announcement. The next process announces the change to the members.
func TestAnnouncedAfterACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--data-dir", dir, "--gateway-listen", "127.0.0.1:0"}
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	up := func() (*booted, *client.Server) {
		b := boot(t, args...)
		b.waitFor(t, "open ")
		s := client.New(address.FindString(b.stdout.String()))
		t.Cleanup(s.Close)
		return b, s
	}
	down := func(b *booted) {
		b.cancel()
		code := <-b.code
		require.Zero(t, code, b.stderr.String())
		b.code <- code
	}
	first, s := up()
	ann, err := s.Register(t.Context(), "ann", "a password")
	require.NoError(t, err)
	bob, err := s.Register(t.Context(), "bob", "a password")
	require.NoError(t, err)
	var group struct{ GroupID, ConversationID string }
	require.NoError(t, ann.Call(t.Context(), "POST", "/api/groups", map[string]any{"name": "two"}, &group))
	down(first)

	addUnannounced(t, dir, group.GroupID, ann.UserID, bob.UserID)

	_, s = up()
	bob.Server = s
	ws, err := bob.Dial(t.Context(), websocket.DefaultDialer, "")
	require.NoError(t, err)
	defer func() { _ = ws.Close() }()
	require.NoError(t, ws.SetReadDeadline(time.Now().Add(30*time.Second)))
	want := map[string]bool{contracts.FrameGroup: true, contracts.FrameNew: true}
	for len(want) > 0 {
		var f contracts.Frame
		require.NoError(t, ws.ReadJSON(&f), "still to come: %v", want)
		if f.Type == contracts.FrameNew || f.Type == contracts.FrameGroup {
			assert.Contains(t, string(f.Data), group.ConversationID)
			delete(want, f.Type)
		}
	}
}

// addUnannounced adds a member as the role logic does, without the announcement that follows.
func addUnannounced(t *testing.T, dir, group, owner, user string) {
	t.Helper()
	cfg := repo.DefaultConfig()
	cfg.DB.Path = filepath.Join(dir, "gochat.db")
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close(context.WithoutCancel(t.Context()))) }()
	local := rpc.NewLocal()
	r.Register(local)
	id := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		require.NoError(t, err)
		return n
	}
	out, err := pb.NewGroupRepoClient(local).ChangeGroup(t.Context(), &pb.ChangeGroupRequest{
		GroupId: id(group), ActorId: id(owner), ActorRoles: []string{contracts.RoleOwner}, AnnouncementId: 1, MessageId: 2,
		At:     time.Now().UnixMilli(),
		Change: &pb.ChangeGroupRequest_Add{Add: &pb.GroupAdd{UserIds: []int64{id(user)}, Most: 10}},
	})
	require.NoError(t, err)
	require.NotNil(t, out.GetAnnouncement())
}
