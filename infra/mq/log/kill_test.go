package walog_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	walog "github.com/gochat/gochat/infra/mq/log"
	"github.com/gochat/gochat/infra/mq/stream"
)

// childDir names the directory in which the test binary, run again as a child,
// publishes and consumes until it is killed.
const childDir = "GOCHAT_TEST_WALOG_CHILD"

const writers = 8

// child prints "p key/n" for every confirmed message and "a key/n" for every
// acknowledged one.
func child(dir string) int {
	tr, err := walog.Open(walog.Config{Dir: dir, SegmentBytes: 1 << 20, Stream: stream.Config{
		FlushEvery: 5 * time.Millisecond, TruncateEvery: 20 * time.Millisecond, RetainBytes: 1,
	}}, zap.NewNop())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	say := func(kind, id string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %s\n", kind, id)
	}
	if err := tr.Ensure(context.Background(), mq.Topic{Name: "topic"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "working", Lanes: 4, Run: 8})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ch, err := sub.Subscribe(context.Background(), "topic")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for w := range writers {
		go publishForEver(tr, fmt.Sprintf("%s.%d", os.Getenv("ROUND"), w), say)
	}
	for m := range ch {
		for _, one := range mq.Run(m) {
			say("a", one.UUID)
		}
		m.Ack()
	}
	return 0
}

func publishForEver(tr mq.Transport, key string, say func(kind, id string)) {
	filler := strings.Repeat("x", 2000)
	for n := 1; ; n++ {
		m := message.NewMessage(fmt.Sprintf("%s/%d", key, n), []byte(filler))
		m.Metadata[mq.KeyMetadata] = key
		if err := tr.Publisher().Publish("topic", m); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		say("p", m.UUID)
	}
}

// TestNothingConfirmedIsLostOverKill kills a process that publishes and consumes,
// again and again, and then asks a group that acknowledges what the others did
// not for everything that was confirmed.
func TestNothingConfirmedIsLostOverKill(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	dir := t.TempDir()
	confirmed, acked := map[string]bool{}, map[string]bool{}
	for round := range rounds {
		lines := killedChild(t, dir, round)
		for _, line := range lines {
			if id, ok := strings.CutPrefix(line, "p "); ok {
				confirmed[id] = true
			} else if id, ok := strings.CutPrefix(line, "a "); ok {
				acked[id] = true
			}
		}
	}
	require.Greater(t, len(confirmed), rounds*10, "the children did work")

	tr := openLog(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "working", Lanes: 4})
	require.NoError(t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), "topic")
	require.NoError(t, err)
	missing := func() int {
		n := 0
		for id := range confirmed {
			if !acked[id] {
				n++
			}
		}
		return n
	}
	last := map[string]int{}
	for missing() > 0 {
		select {
		case m := <-ch:
			key := m.Metadata[mq.KeyMetadata]
			var n int
			_, err := fmt.Sscanf(m.UUID[len(key)+1:], "%d", &n)
			require.NoError(t, err)
			require.True(t, last[key] == 0 || n == last[key]+1, "%s comes after %d", m.UUID, last[key])
			last[key] = n
			acked[m.UUID] = true
			m.Ack()
		case <-time.After(10 * time.Second):
			require.FailNow(t, "lost", "%d of %d confirmed messages were never delivered", missing(), len(confirmed))
		}
	}
}

func killedChild(t *testing.T, dir string, round int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // itself
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("ROUND=%d", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	reader := bufio.NewReader(out)
	var lines []string
	until := 20 + rand.IntN(3000) //nolint:gosec // a moment
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break // what was printed before the kill is read to its end
		}
		require.NoError(t, err)
		lines = append(lines, strings.TrimSuffix(line, "\n"))
		if len(lines) == until {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it was killed and did not end by itself")
	return lines
}
