package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/cluster"
)

// formerCommit is the commit of the former program, from which clusters are upgraded.
const formerCommit = "af7bb18a3cd318b3d316c69118388ca09428a699"

// inTurn is the order in which roles are upgraded, as in deploy/SERVERS.md: a role that is
// called comes before its callers, and a role that reads records before the one that writes them.
var inTurn = []string{"repo", "logic", "fanout", "feed", "janitor", "message", "gateway"}

// former returns the path of the former program, which is built from the history once.
func former(t *testing.T) string {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_CLUSTER") == "" {
		t.Skip("GOCHAT_TEST_CLUSTER is not set: servers and processes are not started")
	}
	top := filepath.Join("..", "..")
	require.NoError(t, haveFormer(t.Context(), top))
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	bin := filepath.Join(cache, "gochat", "gochat-"+formerCommit[:12]) // beside the servers of deploy/local
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	dir := t.TempDir()
	source, tar, made := filepath.Join(dir, "source"), filepath.Join(dir, "source.tar"), fmt.Sprint(bin, ".", os.Getpid())
	require.NoError(t, os.Mkdir(source, 0o700))
	require.NoError(t, os.MkdirAll(filepath.Dir(bin), 0o750))
	for _, args := range [][]string{
		{"git", "-C", top, "archive", "--output", tar, formerCommit},
		{"tar", "-xf", tar, "-C", source},
		{"go", "build", "-C", source, "-buildvcs=false", "-o", made, "."},
	} {
		out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput() //nolint:gosec // ours
		require.NoError(t, err, string(out))
	}
	require.NoError(t, os.Rename(made, bin)) // atomic, so that a build that was cut off is not used
	return bin
}

// haveFormer returns an error with advice when the repository lacks formerCommit: a skipped test would look like a
// success.
func haveFormer(ctx context.Context, repository string) error {
	out, err := exec.CommandContext(ctx, "git", "-C", repository, "cat-file", "-e", formerCommit+"^{commit}").CombinedOutput() //nolint:gosec // ours
	if err != nil {
		return fmt.Errorf("the history here has no commit %s, from which the program of before is built: "+
			"this is a shallow clone; fetch the whole history (git fetch --unshallow; in a pipeline, a checkout of depth 0): %w: %s",
			formerCommit, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// A checkout without the history fails TestUpgrade with advice.
func TestUpgradeNeedsTheHistory(t *testing.T) {
	shallow := t.TempDir()
	require.NoError(t, exec.CommandContext(t.Context(), "git", "init", "-q", shallow).Run())
	require.ErrorContains(t, haveFormer(t.Context(), shallow), "fetch the whole history")
}

// TestUpgrade upgrades a cluster from the former program to this one under load, process by process, on one
// database, cache and queue. Halfway, each role runs with both programs for a while. Order, completeness, pushes
// and unread counts are right throughout. With CI_NIGHTLY some processes go back and forth again.
func TestUpgrade(t *testing.T) {
	for i, queue := range []string{"redisstream", "kafka"} {
		if queue == "kafka" && !nightly() && !strings.Contains(os.Getenv("GOCHAT_TEST_FAULTS"), "all") {
			continue
		}
		t.Run(queue, func(t *testing.T) { upgrade(t, cluster.Options{BasePort: 22400 + 100*i, Queue: queue}) })
	}
}

func upgrade(t *testing.T, opt cluster.Options) {
	t.Helper()
	opt.Binary = former(t)
	w := newTown(t, opt)
	old := opt.Binary
	bin, err := chaos.Build(t.Context(), w.opt.Dir)
	require.NoError(t, err)
	for _, p := range w.people {
		p.Pace *= 8 // starting processes take CPU from the others
		// In the former program, a run with so many recipients that its record was too large blocked its lane.
		p.To = slices.DeleteFunc(p.To, func(to chaos.Target) bool { return to == w.crowd })
	}
	w.newGroup(t, "of before", 12)
	first, rest := w.halves()
	w.countsSystem = true

	w.upgradeStep(t, "all are of before", nil)
	w.Upgrade(bin)
	w.upgradeStep(t, "some are new", first)
	w.newGroup(t, "of halfway", 12)
	w.newGroup(t, "of halfway, small", 4)
	w.upgradeStep(t, "both for a while", nil)
	if nightly() {
		back := slices.DeleteFunc(slices.Clone(first), func(name string) bool { return strings.HasPrefix(name, "repo") })
		w.Upgrade(old)
		w.upgradeStep(t, "all but the store goes back", back)
		w.Upgrade(bin)
		w.upgradeStep(t, "and forth", back)
	}
	w.countsSystem = false
	w.upgradeStep(t, "all are new", rest)
	w.newGroup(t, "of after", 12)
	w.upgradeStep(t, "after", nil)
	out, err := w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
	if nightly() {
		w.takenBack(t, old, bin)
	}
}

// takenBack takes the cluster and the schema back to the former program, and forth again: no
// message, number or read position may be lost.
func (w *town) takenBack(t *testing.T, old, bin string) {
	t.Helper()
	all := slices.Concat(w.halves())
	for _, name := range slices.Backward(all) {
		require.NoError(t, w.Process(name).Term(30*time.Second))
	}
	out, err := w.Command(t.Context(), "migrate", "down", "--yes")
	require.NoError(t, err)
	t.Log(out)
	w.Upgrade(old)
	w.renewAll(t, all)
	w.countsSystem = true
	w.upgradeStep(t, "taken back", nil)
	w.Upgrade(bin)
	w.renewAll(t, all)
	w.countsSystem = false
	w.upgradeStep(t, "and upgraded again", nil)
	out, err = w.Verify(t.Context())
	require.NoError(t, err)
	t.Log("verify:", out)
}

func (w *town) renewAll(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, w.Renew(ctx, name), name)
		cancel()
	}
}

// halves returns the processes that are upgraded first and the rest, in order. The only process of
// a role is upgraded first.
func (w *town) halves() (first, rest []string) {
	for _, role := range inTurn {
		n := 0
		for _, p := range w.Processes {
			if p.Role != role {
				continue
			}
			if n == 0 {
				first = append(first, p.Name)
			} else {
				rest = append(rest, p.Name)
			}
			n++
		}
	}
	return first, rest
}

// upgradeStep renews processes under load, and judges.
func (w *town) upgradeStep(t *testing.T, name string, renewed []string) {
	t.Helper()
	begin := time.Now()
	w.talk(t)
	for _, one := range renewed {
		w.renewAll(t, []string{one})
		w.newAudience(t, 4).hears(t, name+": "+one+" is another one")
	}
	w.renameGroups(t, name)
	time.Sleep(5 * time.Second) // load on the new processes
	w.newAudience(t, 8).hears(t, name)
	took := w.settle(t)
	stored := w.judge(t)
	t.Logf("%s: %d messages so far, everyone complete %.1f s after the last send, %.0f s in all",
		name, stored, took.Seconds(), time.Since(begin).Seconds())
}

// newGroup makes a group of the first n people, who send to it from now on.
func (w *town) newGroup(t *testing.T, name string, n int) {
	t.Helper()
	var ids []string
	for _, p := range w.people[1:n] {
		ids = append(ids, p.Account.UserID)
	}
	var made struct{ GroupID, ConversationID string }
	require.NoError(t, w.people[0].Account.Call(t.Context(), http.MethodPost, "/api/groups", map[string]any{"name": name, "memberIds": ids}, &made))
	require.NotEmpty(t, made.ConversationID)
	w.groups = append(w.groups, made.GroupID)
	for _, p := range w.people[:n] {
		p.To = append(p.To, chaos.Target{ConversationID: made.ConversationID})
	}
}

// renameGroups renames each group, which makes a system message in it.
func (w *town) renameGroups(t *testing.T, name string) {
	t.Helper()
	for _, g := range w.groups {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := w.people[0].Account.Call(ctx, http.MethodPatch, "/api/groups/"+g, map[string]string{"name": fmt.Sprint(name, " ", len(w.groups))}, nil)
		cancel()
		require.NoError(t, err, name)
	}
}
