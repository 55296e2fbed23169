package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strconv"
)

// A seat shows who lives on one machine. It is a socket that the kernel closes when
// its process ends, however that ends, in a name space that all processes with the same
// network share, and nobody else; nobody connects to it. Whoever can take the seat of
// another process of the same place knows that this one is dead, without waiting for
// a lease to run out.

// takeSeat takes a seat of this place. It is nil when somebody has it, or when there are
// none on this system, which are told apart by place.
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

// whereabouts is for people who look at what a name's holder is.
func whereabouts() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return host + ", process " + strconv.Itoa(os.Getpid())
}
