package mqtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// The environment of a child: the directory that it opens, what its keys begin with (empty: it publishes
// nothing), the pause between two messages of a writer, and how long it works on a message.
const (
	childDir   = "GOCHAT_TEST_MQ_CHILD"
	childKeys  = "GOCHAT_TEST_MQ_KEYS"
	childPause = "GOCHAT_TEST_MQ_PAUSE"
	childWork  = "GOCHAT_TEST_MQ_WORK"
)

// Main is a whole TestMain, with Child in it.
func Main(m *testing.M, open func(dir string) (mq.Transport, error)) {
	Child(open)
	os.Exit(m.Run())
}

// Child must come first in a TestMain. Cases with processes start the test binary again as a child, for which
// Child does not return: it publishes and consumes until it is killed, and prints what it does: "p key/n" for
// a confirmed message, "b key/n" for a message that it begins to work on, "a key/n" for one that it
// acknowledges next, after it has published what follows from it to the topic "next".
func Child(open func(dir string) (mq.Transport, error)) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	fmt.Fprintln(os.Stderr, work(open, dir))
	os.Exit(1)
}

const (
	writers  = 8
	childRun = 8 // messages that a child takes together
)

func work(open func(string) (mq.Transport, error), dir string) error {
	var mu sync.Mutex
	say := func(kind, id string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %s\n", kind, id)
	}
	tr, err := open(dir)
	if err != nil {
		return err
	}
	err = tr.Ensure(context.Background(), mq.Topic{Name: "topic", Partitions: 4}, mq.Topic{Name: "next", Partitions: 4, Patient: true})
	if err != nil {
		return err
	}
	out, err := mq.FollowUp(tr, "child")
	if err != nil {
		return err
	}
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 4, Run: childRun})
	if err != nil {
		return err
	}
	ch, err := sub.Subscribe(context.Background(), "topic")
	if err != nil {
		return err
	}
	failed := make(chan error, writers)
	if keys := os.Getenv(childKeys); keys != "" {
		for w := range writers {
			go func() { failed <- write(tr, fmt.Sprintf("%s.%d", keys, w), say) }()
		}
	}
	for {
		select {
		case err := <-failed:
			return err
		case m := <-ch:
			go consume(m, out, say)
		}
	}
}

func write(tr mq.Transport, key string, say func(kind, id string)) error {
	pause, err := time.ParseDuration(os.Getenv(childPause))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		m := numbered(key, n)
		m.Payload = make([]byte, 2000)
		if err := tr.Publisher().Publish("topic", m); err != nil {
			return err
		}
		say("p", m.UUID)
		time.Sleep(pause)
	}
}

func consume(m *message.Message, out mq.Outbox, say func(kind, id string)) {
	took, err := time.ParseDuration(os.Getenv(childWork))
	if err != nil {
		panic(err) // the suite sets it
	}
	var follows []mq.Outbound
	for _, one := range mq.Run(m) {
		say("b", one.UUID)
		next := message.NewMessage(one.UUID, nil)
		next.Metadata[mq.KeyMetadata] = one.Metadata[mq.KeyMetadata]
		follows = append(follows, mq.Outbound{Topic: "next", Message: next})
	}
	time.Sleep(time.Duration(len(follows)) * took)
	if err := out.Publish(context.Background(), follows...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		m.Nack() // a process that stood still for long has to begin anew
		return
	}
	for _, one := range follows {
		say("a", one.Message.UUID)
	}
	m.Ack()
}

// child is a process that was started by a test.
type child struct {
	cmd   *exec.Cmd
	lines chan string // closed when it has ended
}

func startChild(t *testing.T, dir, keys string, pause, took time.Duration) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // itself
	cmd.Env = append(os.Environ(), childDir+"="+dir, childKeys+"="+keys, childPause+"="+pause.String(), childWork+"="+took.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{cmd: cmd, lines: make(chan string, 1<<10)}
	go func() {
		defer close(c.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); { // what it said before its end is read, too
			c.lines <- scan.Text()
		}
	}()
	return c
}

// next returns the child's next line.
func (c *child) next(t *testing.T) (kind, id string) {
	t.Helper()
	select {
	case line, ok := <-c.lines:
		require.True(t, ok, "the child ended by itself")
		kind, id, _ = strings.Cut(line, " ")
		return kind, id
	case <-time.After(2 * patience):
		require.FailNow(t, "the child says nothing")
		return "", ""
	}
}

// kill ends the child at once; heard gets the lines that it had printed.
func (c *child) kill(t *testing.T, heard func(kind, id string)) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	for line := range c.lines {
		kind, id, _ := strings.Cut(line, " ")
		heard(kind, id)
	}
	require.Error(t, c.cmd.Wait())
	require.Equal(t, -1, c.cmd.ProcessState.ExitCode(), "it was killed and did not end by itself")
}

// pause stops the child where it is; heard gets the lines that it had printed.
func (c *child) pause(t *testing.T, heard func(kind, id string)) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	for {
		select {
		case line := <-c.lines:
			kind, id, _ := strings.Cut(line, " ")
			heard(kind, id)
		case <-time.After(time.Second): // the pipe is empty
			return
		}
	}
}

func (c *child) resume(t *testing.T) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
}
