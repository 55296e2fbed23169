package powerloss

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
)

const (
	// startTimeout bounds a start, and the wait until the disk stands still.
	startTimeout = 2 * time.Minute
	// onlyKilled: one of so many losses only kills the process. The next start then finds all its writes,
	// which are still not synced.
	onlyKilled = 4
)

// programs is the directory of the program, which is built once.
var programs string

var program = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return chaos.Build(ctx, programs)
})

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	var err error
	if programs, err = os.MkdirTemp("", "gochat-powerloss-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(programs) // temporary; a rest does no harm
	os.Exit(code)
}

// machine is a server on a Disk that can lose its power.
type machine struct {
	disk   *Disk
	mount  *Mounted
	dir    string
	server *chaos.Server
	random *rand.Rand
	// losses counts the losses so far, kills those of them that only killed the process.
	losses, kills int
	on            bool
}

// newMachine builds a server and does not start it; its data directory does not exist yet.
func newMachine(t *testing.T, r *rand.Rand) *machine {
	t.Helper()
	m := &machine{disk: NewDisk(), dir: t.TempDir(), random: r}
	mounted, err := Mount(m.disk, m.dir)
	if err != nil {
		t.Skipf("the tests of GOCHAT_TEST_POWER_LOSSES need to mount a file system by /dev/fuse, as root or with fusermount: %v", err)
	}
	require.NoError(t, mounted.Unmount())
	bin, err := program()
	require.NoError(t, err)
	address, err := chaos.FreeAddress()
	require.NoError(t, err)
	m.server = &chaos.Server{Binary: bin, DataDir: filepath.Join(m.dir, "data"), Address: address}
	t.Cleanup(func() {
		m.off(t)
		if said := m.server.Output(); t.Failed() {
			t.Logf("the server said:\n%s", said[max(0, len(said)-8000):])
		}
	})
	return m
}

// begin mounts the disk and starts the process, without waiting until it is ready.
func (m *machine) begin(t *testing.T) {
	t.Helper()
	mounted, err := Mount(m.disk, m.dir)
	require.NoError(t, err)
	m.mount, m.on = mounted, true
	require.NoError(t, m.server.Begin())
}

// start is begin, and waits until the server is ready.
func (m *machine) start(t *testing.T) {
	t.Helper()
	m.begin(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	require.NoError(t, m.server.Await(ctx))
}

// off ends the process while no change of the disk succeeds any more. Strike comes first, so that the process cannot
// react to the errors of Cut.
func (m *machine) off(t *testing.T) {
	t.Helper()
	if !m.on {
		return
	}
	m.on = false
	err := m.server.Strike()
	m.disk.Cut()
	m.server.Bury()
	require.NoError(t, err)
	require.NoError(t, m.mount.Unmount())
	m.disk.Resume()
}

// await waits until the disk stands still.
func (m *machine) await(t *testing.T, struck <-chan struct{}) {
	t.Helper()
	select {
	case <-struck:
	case <-time.After(startTimeout):
		require.FailNow(t, "the disk does not change")
	}
}

// lose waits until the disk stands still, ends the process, and loses the changes that were not synced, or, once in
// onlyKilled times, nothing.
func (m *machine) lose(t *testing.T, struck <-chan struct{}) {
	t.Helper()
	m.await(t, struck)
	m.off(t)
	m.losses++
	if m.random.IntN(onlyKilled) == 0 {
		m.kills++
		t.Logf("%d: killed", m.losses)
		return
	}
	t.Logf("%d: %s", m.losses, m.disk.Lose(m.random))
}

// loseUnderLoad loses the power of a running machine, at a random change.
func (m *machine) loseUnderLoad(t *testing.T) {
	t.Helper()
	m.lose(t, m.disk.StandStillAfter(1+m.random.IntN(1500)))
}

// loseInStart starts the machine, and loses its power at a random change of the start.
func (m *machine) loseInStart(t *testing.T) {
	t.Helper()
	struck := m.disk.StandStillAfter(1 + m.random.IntN(200))
	m.begin(t)
	m.lose(t, struck)
}

// stop ends the server by SIGTERM, and calls then before it unmounts the disk.
func (m *machine) stop(t *testing.T, then func()) {
	t.Helper()
	code, _, err := m.server.Term()
	require.NoError(t, err)
	require.Zero(t, code)
	m.on = false
	then()
	require.NoError(t, m.mount.Unmount())
}

// seeded returns a source of random decisions, and logs its seed, which GOCHAT_TEST_SEED sets.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("GOCHAT_TEST_SEED"); text != "" {
		seed = number(t, text)
	}
	t.Logf("GOCHAT_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
