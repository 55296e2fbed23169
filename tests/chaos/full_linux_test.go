package chaos

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// diskSize has room for the message log's files, the database, and some minutes of messages.
const diskSize = 128 << 20

// smallDisk mounts a file system of diskSize bytes for the time of the test, and returns its directory.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip("only root can mount a small file system")
	}
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// ballast is a file that takes all the room of a disk.
type ballast struct{ path string }

// fill writes to the file until the disk has no free block.
func (b ballast) fill(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			block = block[:len(block)/2]
		}
	}
	require.NoError(t, f.Close())
}

func (b ballast) remove(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Remove(b.path))
}

// outcome sends one message over HTTP and returns the refusal, or nil when the message is stored.
func (c *town) outcome(t *testing.T, key string) *client.Error {
	t.Helper()
	err := c.clients[0].Account.Call(t.Context(), http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": "is there room?", "messageType": "text", "tempMessageId": key,
	}, nil)
	var refused *client.Error
	if err != nil && !errors.As(err, &refused) {
		require.NoError(t, err)
	}
	return refused
}

// TestFullDisk fills the disk of a server under load. Meanwhile sends are answered with unavailable,
// and reads work; nothing stored or accepted is lost, and nothing is stored twice. When there is
// room again the server accepts sends by itself, also after it was killed and started on the full
// disk.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	c := newTownIn(t, filepath.Join(disk, "data"))
	load := ballast{filepath.Join(disk, "ballast")}
	c.talk(t)
	sends := 0
	send := func() *client.Error {
		sends++
		return c.outcome(t, fmt.Sprint("room-", sends))
	}
	for _, killed := range []bool{false, true, false} {
		require.Eventually(t, func() bool { return send() == nil }, time.Minute, 50*time.Millisecond)
		var refused *client.Error
		require.Eventually(t, func() bool {
			load.fill(t) // also takes the room that the server frees meanwhile
			refused = send()
			return refused != nil
		}, 2*time.Minute, 10*time.Millisecond)
		assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
		assert.Equal(t, "unavailable", refused.Code)
		first := fmt.Sprint("room-", sends)
		_, err := c.clients[0].Account.History(t.Context(), "world")
		require.NoError(t, err, "what reads goes on")
		if killed {
			require.NoError(t, c.server.Kill())
			load.fill(t)
			require.NoError(t, c.server.Begin())
			require.Eventually(t, func() bool {
				_, err := c.clients[0].Account.History(t.Context(), "world")
				return err == nil
			}, time.Minute, 50*time.Millisecond, "a start on a full disk")
			load.remove(t)
		} else {
			assert.False(t, c.server.ready(t.Context()), "it says that it is not well")
			load.remove(t)
		}
		require.Eventually(t, func() bool { return c.outcome(t, first) == nil }, time.Minute, 50*time.Millisecond, "the same send, once there is room")
		require.Eventually(t, func() bool { return c.server.ready(t.Context()) }, time.Minute, 50*time.Millisecond)
	}
	c.settle(t)
	c.judge(t)
	_, _, err := c.server.Term()
	require.NoError(t, err)
	c.verifyStore(t)
	assert.NotContains(t, c.server.Output(), "panic:")
	assert.NotContains(t, c.server.Output(), "DATA RACE")
}
