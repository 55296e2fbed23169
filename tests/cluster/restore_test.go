package cluster_test

import (
	"bufio"
	"context"
	"database/sql"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/cluster"
)

// TestDatabaseIsPutBack runs the drill of docs/operations.md, "Backups", with the commands there: the database is
// copied under load, and lost later. The copy is put back, and the consumer group of the pipeline is set back to
// a time before the copy. Then every accepted message is stored exactly once and in the same order as before, and
// messages of the copy keep their ids and numbers.
func TestDatabaseIsPutBack(t *testing.T) {
	if !nightly() {
		t.Skip("CI_NIGHTLY is not set: a database is put back at night")
	}
	w := newTown(t, cluster.Options{BasePort: 22700, Roles: map[string]int{
		"repo": 1, "logic": 1, "message": 2, "fanout": 1, "feed": 1, "janitor": 1, "gateway": 2,
	}})
	for _, p := range w.people {
		p.Pace *= 8 // all sends since the copy are handled twice
	}
	w.newGroup(t, "of before", 12)
	before := epochTold(t, w.people[0].Account)
	w.talk(t)
	w.stores(t, 400)
	copied := saidBy(w.people)
	begun := time.Now()
	file := w.copyDatabase(t)
	later := w.afterTheCopy(t, copied)
	w.stores(t, 400)
	w.loseDatabase(t)

	w.putBack(t, file, begun)
	w.startRoles(t, "repo", "logic", "message", "janitor")
	w.handlesAll(t)
	w.startRoles(t, "fanout", "feed", "gateway")
	out, err := w.Command(t.Context(), "search", "reindex")
	require.NoError(t, err)
	t.Log("search reindex:", out)

	assert.NotEqual(t, before, epochTold(t, w.people[0].Account), "clients are not told")
	former := w.people
	w.beginAnew()
	w.talk(t)
	w.stores(t, 200)
	w.settle(t)
	t.Logf("%d messages at the end", w.judge(t))
	byKey := w.byKey(t)
	w.nothingIsLost(t, former, copied, byKey)
	later.isJudged(t, w, byKey)
	out, err = w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}

// ended returns the number of sends that have their outcome.
func (w *town) ended() (n int) {
	for _, p := range w.people {
		n += p.Ended()
	}
	return n
}

// stores waits until more sends have their outcome.
func (w *town) stores(t *testing.T, more int) {
	t.Helper()
	want := w.ended() + more
	require.Eventually(t, func() bool { return w.ended() >= want }, 2*complete, 100*time.Millisecond, "nothing is stored")
}

// mariadb runs a client program of MariaDB on the primary.
func (w *town) mariadb(t *testing.T, program string, in, out *os.File, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	host, port := w.Servers.Primary()
	cmd := exec.CommandContext(ctx, program, append([]string{"--no-defaults", "-uroot", "-h" + host, "-P" + port}, args...)...) //nolint:gosec // ours
	var said strings.Builder
	cmd.Stderr = &said
	if in != nil {
		cmd.Stdin = in
	}
	if out != nil {
		cmd.Stdout = out
	}
	require.NoError(t, cmd.Run(), "%s %v: %s", program, args, &said)
}

// copyDatabase makes the copy while the cluster runs.
func (w *town) copyDatabase(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(w.opt.Dir, "gochat.sql")
	out, err := os.Create(file) //nolint:gosec // ours
	require.NoError(t, err)
	defer func() { assert.NoError(t, out.Close()) }()
	w.mariadb(t, "mariadb-dump", nil, out, "--single-transaction", "--hex-blob", "gochat")
	return file
}

// loseDatabase kills the database under load, and ends all processes once some accepted sends are not
// stored.
func (w *town) loseDatabase(t *testing.T) {
	t.Helper()
	w.do(t, "kill", "mariadb-primary")
	require.Eventually(t, func() bool {
		waiting := 0
		for _, p := range w.people {
			waiting += p.Accepted()
		}
		return waiting > 50
	}, complete, 100*time.Millisecond, "nothing waits")
	w.stop()
	w.running.Wait()
	for _, name := range slices.Backward(slices.Concat(w.halves())) {
		require.NoError(t, w.Process(name).Term(30*time.Second), name)
	}
}

// putBack follows the documented steps up to the first start.
func (w *town) putBack(t *testing.T, file string, begun time.Time) {
	t.Helper()
	w.do(t, "start", "mariadb-primary")
	w.mariadb(t, "mariadb", nil, nil, "-e", "DROP DATABASE gochat; CREATE DATABASE gochat CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	in, err := os.Open(file) //nolint:gosec // ours
	require.NoError(t, err)
	w.mariadb(t, "mariadb", in, nil, "gochat")
	require.NoError(t, in.Close())
	out, err := w.Command(t.Context(), "epoch", "new")
	require.NoError(t, err)
	t.Log("epoch new:", out)
	require.Eventually(t, func() bool { return w.epochs(t) == 1 }, complete, 100*time.Millisecond, "the replica has not the copy")
	out, err = w.Servers.Do(t.Context(), "kafka", "kafka-consumer-groups.sh", "--bootstrap-server", w.Servers.Brokers()[0], "--group", "gochat-message",
		"--topic", "im-upstream-topic", "--reset-offsets", "--to-datetime", begun.Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000"), "--execute")
	require.NoError(t, err)
	require.Contains(t, out, "im-upstream-topic", "the readers are not set back; the tool ends with 0 all the same")
	t.Log(out)
	out, err = w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify before the start:", out)
}

// epochs returns how many different epochs the primary and its replica have.
func (w *town) epochs(t *testing.T) int {
	t.Helper()
	found := map[string]bool{}
	for _, dsn := range []string{w.Servers.Database("gochat"), w.Servers.Replica("gochat")} {
		d, err := sql.Open("mysql", dsn)
		require.NoError(t, err)
		var epoch string
		if d.QueryRowContext(t.Context(), "SELECT epoch FROM store_epoch").Scan(&epoch) != nil {
			epoch = "none at " + dsn // the replica does not have the row yet
		}
		found[epoch] = true
		require.NoError(t, d.Close())
	}
	return len(found)
}

// startRoles starts all processes of roles and waits until they are ready.
func (w *town) startRoles(t *testing.T, roles ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var started []*cluster.Process
	for _, p := range w.Processes {
		if slices.Contains(roles, p.Role) {
			require.NoError(t, p.Start(), p.Name)
			started = append(started, p)
		}
	}
	for _, p := range started {
		require.NoError(t, p.Ready(ctx))
	}
}

// handlesAll waits until the lag metric of the janitor says that no accepted send waits.
func (w *town) handlesAll(t *testing.T) {
	t.Helper()
	begin := time.Now()
	web := &http.Client{Timeout: 8 * time.Second}
	defer web.CloseIdleConnections()
	require.Eventually(t, func() bool {
		resp, err := web.Get("http://" + w.Process("janitor-1").Operations() + "/metrics") //nolint:noctx // the client has a time-out
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), "} ")
			if strings.HasPrefix(name, "gochat_queue_lag{") && strings.Contains(name, `"gochat-message"`) {
				return value == "0"
			}
		}
		return false
	}, worked, 200*time.Millisecond, "what was accepted is not stored again")
	t.Logf("all that was accepted was handled again in %.1f s", time.Since(begin).Seconds())
}
