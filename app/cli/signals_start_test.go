package cli

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSignalsDuringTheStart: SIGHUP and SIGUSR1 do not end a process that is still starting.
func TestSignalsDuringTheStart(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, silent.Close()) })
	cmd := exec.Command(os.Args[0], "--data-dir", t.TempDir()+"/data", "--gateway-listen", "127.0.0.1:0") //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), asProgram+"=1", "GOCHAT_MQ_DRIVER=kafka", "GOCHAT_MQ_KAFKA_BROKERS="+silent.Addr().String())
	var said syncBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	broker, err := silent.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, broker.Close()) })
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM} {
		require.NoError(t, cmd.Process.Signal(s))
	}
	_ = cmd.Wait() // how it ended is asked of the state
	end, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	if end.Signaled() {
		assert.NotContains(t, []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1}, end.Signal(), said.String())
	}
	assert.False(t, strings.Contains(said.String(), "panic"), said.String())
}
