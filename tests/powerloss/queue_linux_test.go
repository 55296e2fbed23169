package powerloss

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	walog "github.com/gochat/gochat/infra/mq/walog"
)

const (
	// queueLosses is the number of losses for each one of TestPowerLosses: they take less time.
	queueLosses = 3
	// childDir is the environment variable that makes the test binary run child on the log in that directory.
	childDir = "POWERLOSS_CHILD_DIR"
	topic    = "topic"
	// childTime bounds a child that is not killed, as when the disk never stands still.
	childTime = 30 * time.Second
)

// child first reads the whole log and prints "has N WORD" for each message. Then it publishes messages until it is
// killed, and prints "put N WORD" for each one that is confirmed. N counts the messages; WORD is random.
func child(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), childTime)
	defer cancel()
	s, err := walog.Open(walog.Config{Dir: dir, SegmentBytes: 64 << 10}, zap.NewNop())
	if err != nil {
		return err
	}
	if err := s.Ensure(ctx, mq.Topic{Name: topic}); err != nil {
		return err
	}
	publish := func(id, word string, size int) error {
		m := message.NewMessage(id, append([]byte(word), make([]byte, size)...))
		m.Metadata[mq.KeyMetadata] = "one"
		return s.Publisher().Publish(topic, m)
	}
	end := fmt.Sprint("end of ", os.Getpid(), time.Now().UnixNano())
	if err := publish(end, "", 0); err != nil {
		return err
	}
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: end, Lanes: 1})
	if err != nil {
		return err
	}
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	last := 0
	for m := range messages {
		m.Ack()
		if m.UUID == end {
			break
		}
		if strings.HasPrefix(m.UUID, "end") {
			continue
		}
		if last, err = strconv.Atoi(m.UUID); err != nil {
			return err
		}
		fmt.Println("has", last, strings.TrimRight(string(m.Payload), "\x00"))
	}
	for n := last + 1; ctx.Err() == nil; n++ {
		word := strconv.FormatUint(rand.Uint64(), 36)
		if err := publish(strconv.Itoa(n), word, rand.IntN(6000)); err != nil {
			return err
		}
		fmt.Println("put", n, word)
	}
	return errors.Join(errors.New("nobody killed it"), s.Health(context.Background()))
}

// queue has the messages that must be in the log.
type queue struct {
	words []string // the words of all messages that were confirmed or read, from the first on
	wrong []string
}

// hear reads the output of a child. Each child must read every message that an earlier child read or got confirmed.
func (q *queue) hear(said *bufio.Scanner) {
	read := 0
	reading := true
	known := len(q.words)
	for said.Scan() {
		var kind, word string
		var n int
		if _, err := fmt.Sscan(said.Text(), &kind, &n, &word); err != nil {
			q.wrong = append(q.wrong, "it says "+said.Text())
			continue
		}
		if kind == "put" && reading {
			reading = false
			if read < known {
				q.wrong = append(q.wrong, fmt.Sprintf("%d messages were known and %d are left", known, read))
			}
		}
		switch {
		case kind == "has" && n != read+1:
			q.wrong = append(q.wrong, fmt.Sprintf("after message %d comes %d", read, n))
		case n <= len(q.words) && q.words[n-1] != word:
			q.wrong = append(q.wrong, fmt.Sprintf("message %d was %s and is %s", n, q.words[n-1], word))
		case n == len(q.words)+1:
			q.words = append(q.words, word)
		case n > len(q.words):
			q.wrong = append(q.wrong, fmt.Sprintf("message %d comes after %d", n, len(q.words)))
		}
		if kind == "has" {
			read = n
		}
	}
}

// TestPowerLossesOfTheLog is TestPowerLosses for the message log alone. Its segment files are small, so that many
// losses hit the step from one file to the next.
func TestPowerLossesOfTheLog(t *testing.T) {
	r, d, root := seeded(t), NewDisk(), t.TempDir()
	q := &queue{}
	soon := false
	for n := range queueLosses * howMany(t) {
		mounted, err := Mount(d, root)
		if err != nil {
			t.Skipf("the tests of GOCHAT_TEST_POWER_LOSSES need to mount a file system by /dev/fuse, as root or with fusermount: %v", err)
		}
		left, atName := 1+r.IntN(300), r.IntN(4) == 0
		if soon { // strike before the next file is made: its sync of the directory covers this file's name, too
			left = 1 + r.IntN(60)
		}
		made, named := false, false
		struck := d.StandStillAt(func(c Change) bool {
			left--
			if c.Name == "queue" { // the directory
				made, named = made || !c.Sync, atName && made && c.Sync
			}
			return left <= 0 || named
		})
		cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this program
		cmd.Env = append(os.Environ(), childDir+"="+filepath.Join(root, "queue"))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			q.hear(bufio.NewScanner(out))
		}()
		ended := false
		select {
		case <-struck:
		case <-heard:
			ended = true
		}
		_ = cmd.Process.Kill() // it may have ended
		d.Cut()
		<-heard
		_ = cmd.Wait() // the error only says that the child was killed
		require.NoError(t, mounted.Unmount())
		d.Resume()
		what := "killed"
		soon = named
		if r.IntN(onlyKilled) != 0 && !named { // else the next child finds a file whose name is not synced
			what = d.Lose(r).String()
		}
		require.Empty(t, q.wrong, "loss %d; after it: %s", n, what)
		require.False(t, ended, "loss %d: the child ended by itself", n)
	}
	require.Greater(t, len(q.words), howMany(t))
	t.Logf("%d messages", len(q.words))
}
