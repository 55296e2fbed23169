package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strconv"
)

// A seat shows which processes live in one place (see place). It is a Unix socket in a namespace that exactly
// the processes with the same network share; nobody connects to it. The kernel closes it when its process
// ends, however that happens. So a process that gets the seat of another one of the same place knows that the
// other is dead, without waiting for a lease to run out.

// takeSeat takes a seat of this place. It returns nil when another process has the seat, and also when this
// system has no seats, in which case place is empty.
func takeSeat(name string) io.Closer {
	if place() == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(name))
	l, err := net.Listen("unix", "@gochat-"+hex.EncodeToString(sum[:])) //nolint:noctx // at once
	if err != nil {
		return nil
	}
	return l
}

// whereabouts names this process for people who look up the holder of a name.
func whereabouts() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return host + ", process " + strconv.Itoa(os.Getpid())
}
