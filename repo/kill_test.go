package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
)

const childDir = "GOCHAT_TEST_REPO_CHILD"

// child stores messages for ever and prints each that was stored.
func child(dir string) error {
	ctx := context.Background()
	r, err := repo.Open(ctx, config(dir), zap.NewNop())
	if err != nil {
		return err
	}
	local := rpc.NewLocal()
	r.Register(local)
	users, convs, messages := pb.NewUserRepoClient(local), pb.NewConversationRepoClient(local), pb.NewMessageRepoClient(local)
	base := time.Now().UnixMicro()
	for i := range int64(2) {
		if _, err := users.CreateUser(ctx, &pb.CreateUserRequest{User: &pb.User{UserId: base + i, Username: fmt.Sprint("u", base+i)}}); err != nil {
			return err
		}
	}
	single, err := convs.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: base, PeerId: base + 1})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range int64(8) {
		go func() {
			for n := int64(0); ; n++ {
				m := &pb.Message{
					MessageId: base + 10 + n*8 + w, ConversationId: single.GetConversationId(), SenderId: base + w%2, Content: "x",
					MessageType: "text", TempMessageId: fmt.Sprintf("%d-%d", w, n), Timestamp: 1,
				}
				out, err := messages.SaveMessages(ctx, &pb.SaveMessagesRequest{Messages: []*pb.Message{m}})
				if err != nil {
					failed <- err
					return
				}
				got := out.GetResults()[0].GetMessage()
				fmt.Printf("%d %s %d %d\n", got.GetSenderId(), got.GetTempMessageId(), got.GetMessageId(), got.GetSeqId())
			}
		}()
	}
	return <-failed
}

// TestWhatWasStoredSurvivesKill kills a process that stores, and looks for
// everything that it had said.
func TestWhatWasStoredSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var said []string
	for range 6 {
		said = append(said, killedChild(t, dir)...)
	}
	require.Greater(t, len(said), 100)

	r := open(t, config(dir))
	local := rpc.NewLocal()
	r.Register(local)
	messages := pb.NewMessageRepoClient(local)
	for _, line := range said {
		var sender, id, seq int64
		var key string
		_, err := fmt.Sscanf(line, "%d %s %d %d", &sender, &key, &id, &seq)
		require.NoError(t, err, line)
		got, err := messages.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: sender, TempMessageId: key})
		require.NoError(t, err)
		require.True(t, got.GetStored(), "%s was stored and is gone", line)
		require.Equal(t, id, got.GetMessage().GetMessageId())
		require.EqualValues(t, seq, got.GetMessage().GetSeqId())
	}
	report := look(t, dir)
	assert.True(t, report.Whole(), report.Problems)
}

func killedChild(t *testing.T, dir string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // itself
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var lines []string
	until := 30 + rand.IntN(400) //nolint:gosec // a moment
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // half a line was not said
		}
		lines = append(lines, strings.TrimSpace(line))
		if len(lines) == until {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it was killed: %s", stderr.String())
	return lines
}
