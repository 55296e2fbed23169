package repo_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
)

// role is a storage role as others see it.
type role struct {
	*repo.Repo
	pb.MessageRepoClient
	pb.ConversationRepoClient
	pb.UserRepoClient
}

func connect(t *testing.T, cfg repo.Config) *role {
	t.Helper()
	r := &role{Repo: open(t, cfg)}
	local := rpc.NewLocal()
	r.Register(local)
	conn := rpc.WithTimeout(local, 10*time.Second)
	r.MessageRepoClient, r.ConversationRepoClient, r.UserRepoClient = pb.NewMessageRepoClient(conn), pb.NewConversationRepoClient(conn), pb.NewUserRepoClient(conn)
	return r
}

// chats makes single chats of users 1 and 2, 3 and 4, …
func (r *role) chats(t *testing.T, n int) (ids []string) {
	t.Helper()
	for i := range int64(n) {
		for u := 1 + 2*i; u <= 2+2*i; u++ {
			_, err := r.CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: u, Username: fmt.Sprint("user", u)}})
			require.NoError(t, err)
		}
		made, err := r.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: 1 + 2*i, PeerId: 2 + 2*i})
		require.NoError(t, err)
		ids = append(ids, made.GetConversationId())
	}
	return ids
}

// write numbers and stores a message as the pipeline does, in one role after the other
// until one has stored it.
func write(t *testing.T, roles []*role, m *pb.Message) *pb.Message {
	t.Helper()
	for try := 0; ; try++ {
		r := roles[(int(m.GetMessageId())+try)%len(roles)]
		key := &pb.ClientKey{ConversationId: m.GetConversationId(), SenderId: m.GetSenderId(), TempMessageId: m.GetTempMessageId()}
		given, err := r.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: []*pb.ClientKey{key}})
		m.SeqId = 0
		if err == nil {
			m.SeqId = given.GetSeqIds()[0]
		}
		out, err := r.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{m}})
		if err == nil {
			return out.GetResults()[0].GetMessage()
		}
		if !assert.Equal(t, contracts.CodeUnavailable, contracts.AsError(err).Code, err) || try == 100 {
			return nil
		}
	}
}

// load stores messages through all roles at once, while disturb runs beside it, and
// looks whether numbers are whole and the same everywhere.
func load(t *testing.T, roles []*role, chats []string, messages int, disturb func(done <-chan struct{})) {
	t.Helper()
	const writers = 16
	done := make(chan struct{})
	var wg, beside sync.WaitGroup
	beside.Go(func() { disturb(done) })
	for w := range writers {
		wg.Go(func() {
			for n := w; n < messages; n += writers {
				chat := n % len(chats)
				m := &pb.Message{
					MessageId: int64(1_000_000 + n), ConversationId: chats[chat], SenderId: int64(1 + 2*chat + n/len(chats)%2), Content: "x",
					MessageType: "text", TempMessageId: fmt.Sprint(n), Timestamp: 1,
				}
				first := write(t, roles, m)
				m.MessageId++ // the sender tries again, elsewhere
				m.MessageId += 1 << 40
				again := write(t, roles, m)
				assert.Equal(t, first.GetMessageId(), again.GetMessageId())
				assert.Equal(t, first.GetSeqId(), again.GetSeqId())
			}
		})
	}
	wg.Wait()
	close(done)
	beside.Wait()
	for _, r := range roles {
		total := 0
		for _, chat := range chats {
			got, err := r.History(t.Context(), &pb.HistoryRequest{ConversationId: chat, HasAfter: true, Limit: int32(messages)})
			require.NoError(t, err)
			for i, m := range got.GetMessages() {
				require.EqualValues(t, i+1, m.GetSeqId(), "no hole")
			}
			total += len(got.GetMessages())
		}
		assert.Equal(t, messages, total, "nothing lost, nothing twice")
	}
}

// TestManyRolesShareADatabase: the same conversations are written through two roles at
// the same time, which share a Redis that is emptied meanwhile.
func TestManyRolesShareADatabase(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	if addr := os.Getenv("GOCHAT_TEST_REDIS_ADDR"); addr != "" {
		cfg.KV.Addrs, cfg.KV.DB = []string{addr}, 2
	}
	roles := []*role{connect(t, cfg), connect(t, cfg)}
	load(t, roles, roles[0].chats(t, 5), 1000, func(done <-chan struct{}) {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				assert.NoError(t, roles[0].FlushCache(t.Context()))
			}
		}
	})
}

// TestReplicaThatIsNotThere: the role starts without it, says so, and is complete.
func TestReplicaThatIsNotThere(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	cfg.DB.ReplicaDSNs = []string{"me@tcp(127.0.0.1:1)/gochat"}
	r := connect(t, cfg)
	repotest.Run(t, suite(r))
	answers := r.Health(t.Context())
	require.NoError(t, answers["database"])
	require.ErrorIs(t, answers["database-replica-1"], health.ErrDegraded)
}

// process starts a server that ends with the test.
func process(t *testing.T, name string, args ...string) *os.Process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead
		_ = cmd.Wait()
	})
	return cmd.Process
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// ownRedis starts a Redis that the test may hurt, and waits for it.
func ownRedis(t *testing.T, args ...string) (port string, p *os.Process) {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start redis-server, which has to be installed, and hurt it")
	}
	port = freePort(t)
	p = process(t, "redis-server", append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no"}, args...)...)
	await(t, port, func(c *redis.Client) bool { return c.Ping(t.Context()).Err() == nil })
	return port, p
}

// await asks a server until it is so.
func await(t *testing.T, port string, so func(*redis.Client) bool) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: 2, DisableIdentity: true})
	defer func() { require.NoError(t, c.Close()) }()
	require.Eventually(t, func() bool { return so(c) }, 20*time.Second, 20*time.Millisecond)
}

// TestMasterOfTheCacheDies: sentinels promote its replica, which lacks the newest, and
// numbers stay whole.
func TestMasterOfTheCacheDies(t *testing.T) {
	t.Parallel()
	master, victim := ownRedis(t, "--repl-diskless-sync-delay", "0")
	replica, _ := ownRedis(t, "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", master)
	cfg := config(t.TempDir())
	cfg.KV.MasterName = "gochat"
	for range 3 {
		conf := filepath.Join(t.TempDir(), "sentinel.conf")
		port := freePort(t)
		require.NoError(t, os.WriteFile(conf, []byte("bind 127.0.0.1\nport "+port+"\nsentinel monitor gochat 127.0.0.1 "+master+" 2\n"+
			"sentinel down-after-milliseconds gochat 500\nsentinel failover-timeout gochat 2000\n"), 0o600))
		process(t, "redis-server", conf, "--sentinel")
		cfg.KV.Addrs = append(cfg.KV.Addrs, "127.0.0.1:"+port)
		await(t, port, func(c *redis.Client) bool {
			fields, err := c.Do(t.Context(), "SENTINEL", "REPLICAS", "gochat").Slice()
			return err == nil && len(fields) == 1
		})
	}
	r := connect(t, cfg)
	load(t, []*role{r}, r.chats(t, 5), 3000, func(<-chan struct{}) {
		assert.NoError(t, victim.Kill())
		await(t, replica, func(c *redis.Client) bool {
			role, err := c.Do(t.Context(), "ROLE").Slice()
			return err == nil && role[0] == "master"
		})
	})
	require.Eventually(t, func() bool { return r.Health(t.Context())["cache"] == nil }, 10*time.Second, 20*time.Millisecond, "the new master is found")
	require.Eventually(t, func() bool {
		given, err := r.AllocateSeq(t.Context(), &pb.AllocateSeqRequest{Keys: []*pb.ClientKey{{ConversationId: "world", SenderId: 1, TempMessageId: "x"}}})
		return err == nil && given.GetSeqIds()[0] > 0
	}, 10*time.Second, 20*time.Millisecond, "and gives numbers")
}

// TestCacheThatHangs neither stops nor breaks anything, and the role stays ready.
func TestCacheThatHangs(t *testing.T) {
	t.Parallel()
	port, p := ownRedis(t)
	cfg := config(t.TempDir())
	cfg.KV.Addrs = []string{"127.0.0.1:" + port}
	r := connect(t, cfg)
	load(t, []*role{r}, r.chats(t, 5), 2000, func(<-chan struct{}) {
		assert.NoError(t, p.Signal(syscall.SIGSTOP))
		assert.ErrorIs(t, r.Health(t.Context())["cache"], health.ErrDegraded)
	})
	require.NoError(t, p.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return r.Health(t.Context())["cache"] == nil }, 10*time.Second, 20*time.Millisecond)
}
