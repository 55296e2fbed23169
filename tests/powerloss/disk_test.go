package powerloss

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ends returns the distinct results of look after a loss with each of 300 seeds, in the order of their first
// appearance. prepare makes a new disk for each seed.
func ends(t *testing.T, prepare func(t *testing.T) *Disk, look func(d *Disk) string) (all []string) {
	t.Helper()
	for seed := range uint64(300) {
		d := prepare(t)
		d.Lose(rand.New(rand.NewPCG(seed, 1)))
		if end := look(d); !slices.Contains(all, end) {
			all = append(all, end)
		}
	}
	return all
}

func made(t *testing.T, d *Disk, dir *node, name string) *node {
	t.Helper()
	n, err := d.make(dir, name, 0o600, false)
	require.NoError(t, err)
	return n
}

func wrote(t *testing.T, d *Disk, n *node, at int64, text ...string) {
	t.Helper()
	for _, s := range text {
		require.NoError(t, d.write(n, []byte(s), at))
		at += int64(len(s))
	}
}

func synced(t *testing.T, d *Disk, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		require.NoError(t, d.sync(n))
	}
}

// text returns the content of a file in the root; "-": there is no such file.
func text(d *Disk, name string) string {
	n := d.find(d.root, name)
	if n == nil {
		return "-"
	}
	p := make([]byte, d.size(n))
	d.read(n, p, 0)
	return string(p)
}

// TestWhatIsSyncedStays: synced content survives every loss, and later writes are lost or kept.
func TestWhatIsSyncedStays(t *testing.T) {
	t.Parallel()
	all := ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, "synced")
		synced(t, d, n, d.root)
		return d
	}, func(d *Disk) string { return text(d, "file") })
	assert.Equal(t, []string{"synced"}, all)

	all = ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, "synced")
		synced(t, d, n, d.root)
		wrote(t, d, n, 6, ", written")
		return d
	}, func(d *Disk) string { return text(d, "file") })
	assert.ElementsMatch(t, []string{"synced", "synced, written", "synced\x00\x00\x00\x00\x00\x00\x00\x00\x00"}, all,
		"lost, kept, or only its size is kept")
}

// TestNamesNeedTheirDirectory: a name is durable only after a sync of its own directory; a sync of the file, or of the
// directory that has the name, is not enough.
func TestNamesNeedTheirDirectory(t *testing.T) {
	t.Parallel()
	all := ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, "synced")
		synced(t, d, n)
		return d
	}, func(d *Disk) string { return text(d, "file") })
	assert.ElementsMatch(t, []string{"-", "synced"}, all)

	all = ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		dir, err := d.make(d.root, "dir", 0o700, true)
		require.NoError(t, err)
		synced(t, d, made(t, d, dir, "file"), dir)
		return d
	}, func(d *Disk) string {
		dir := d.find(d.root, "dir")
		if dir == nil {
			return "-"
		}
		return "dir with " + map[bool]string{true: "file", false: "nothing"}[d.find(dir, "file") != nil]
	})
	assert.ElementsMatch(t, []string{"-", "dir with file"}, all)
}

// TestRenamesAreWholeOrNotThere: without a sync of the directory a rename may be lost; the file then has its old name,
// never both names or none, and the content is never mixed with that of the replaced file.
func TestRenamesAreWholeOrNotThere(t *testing.T) {
	t.Parallel()
	prepare := func(syncs bool) func(t *testing.T) *Disk {
		return func(t *testing.T) *Disk {
			d := NewDisk()
			old, next := made(t, d, d.root, "file"), made(t, d, d.root, "new")
			wrote(t, d, old, 0, "old")
			wrote(t, d, next, 0, "new")
			synced(t, d, old, next, d.root)
			require.NoError(t, d.rename(d.root, "new", d.root, "file"))
			if syncs {
				synced(t, d, d.root)
			}
			return d
		}
	}
	look := func(d *Disk) string { return text(d, "file") + " " + text(d, "new") }
	assert.ElementsMatch(t, []string{"old new", "new -"}, ends(t, prepare(false), look))
	assert.Equal(t, []string{"new -"}, ends(t, prepare(true), look))
}

// TestRemovalsAndCutsMayBeLost: removals and truncations that are not synced may be lost, as writes.
func TestRemovalsAndCutsMayBeLost(t *testing.T) {
	t.Parallel()
	all := ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, "text")
		synced(t, d, n, d.root)
		require.NoError(t, d.remove(d.root, "file", false))
		return d
	}, func(d *Disk) string { return text(d, "file") })
	assert.ElementsMatch(t, []string{"-", "text"}, all)

	all = ends(t, func(t *testing.T) *Disk {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, "text")
		synced(t, d, n, d.root)
		require.NoError(t, d.resize(n, 1))
		return d
	}, func(d *Disk) string { return text(d, "file") })
	assert.Subset(t, all, []string{"text", "t"})
	assert.Subset(t, []string{"text", "t", "t\x00\x00\x00"}, all)
}

// TestWritesAreTornAtUnits: units reach the disk in any order, and each whole, as it was after one of the writes;
// bytes of a unit that a write does not touch stay.
func TestWritesAreTornAtUnits(t *testing.T) {
	t.Parallel()
	const units = 16
	kinds := map[string]bool{}
	for seed := range uint64(300) {
		d := NewDisk()
		n := made(t, d, d.root, "file")
		wrote(t, d, n, 0, string(bytes.Repeat([]byte("0"), units*4096)))
		synced(t, d, n, d.root)
		wrote(t, d, n, 100, string(bytes.Repeat([]byte("1"), units*4096-200)))
		wrote(t, d, n, 0, string(bytes.Repeat([]byte("2"), units*4096)))
		d.Lose(rand.New(rand.NewPCG(seed, 1)))
		got := []byte(text(d, "file"))
		require.Len(t, got, units*4096)
		require.NotContains(t, string(got[:100]), "1", "nobody wrote that there")
		seen := ""
		for at := 512; at < len(got)-512; at += 512 {
			require.Equal(t, bytes.Repeat(got[at:at+1], 512), got[at:at+512], "a unit is whole")
			if !bytes.Contains([]byte(seen), got[at:at+1]) {
				seen += string(got[at])
			}
		}
		sorted := []byte(seen)
		slices.Sort(sorted)
		kinds[string(sorted)] = true
	}
	for _, kind := range []string{"0", "2", "01", "12", "012"} {
		assert.Contains(t, kinds, kind, "a loss that leaves these writes beside each other")
	}
}

// TestTheSameSeedLosesTheSame: a loss can be repeated with its seed.
func TestTheSameSeedLosesTheSame(t *testing.T) {
	t.Parallel()
	lose := func(seed uint64) string {
		d := NewDisk()
		for _, name := range []string{"a", "b", "c", "d"} {
			n := made(t, d, d.root, name)
			wrote(t, d, n, 0, "one", "two", "three")
			synced(t, d, n)
			wrote(t, d, n, 3, "four", "five")
		}
		said := d.Lose(rand.New(rand.NewPCG(seed, 1))).String()
		return said + text(d, "a") + text(d, "b") + text(d, "c") + text(d, "d")
	}
	for seed := range uint64(50) {
		require.Equal(t, lose(seed), lose(seed))
	}
}

// TestTheDiskStandsStill: the chosen change is not made; its caller waits, and gets ErrNoPower when the power is
// cut.
func TestTheDiskStandsStill(t *testing.T) {
	t.Parallel()
	d := NewDisk()
	n := made(t, d, d.root, "file")
	struck := d.StandStillAfter(2)
	wrote(t, d, n, 0, "one")
	outcome := make(chan error, 1)
	go func() { outcome <- d.write(n, []byte("two"), 3) }()
	<-struck
	assert.Equal(t, "one", text(d, "file"), "who reads does not wait")
	assert.Empty(t, outcome)
	d.Cut()
	require.ErrorIs(t, <-outcome, ErrNoPower)
	require.ErrorIs(t, d.sync(n), ErrNoPower)
	d.Resume()
	wrote(t, d, n, 3, "three")
	assert.Equal(t, "onethree", text(d, "file"))
}

// TestErrorsOfNames: changes of names fail with the errors of any file system.
func TestErrorsOfNames(t *testing.T) {
	t.Parallel()
	d := NewDisk()
	made(t, d, d.root, "file")
	dir, err := d.make(d.root, "dir", 0o700, true)
	require.NoError(t, err)
	made(t, d, dir, "file")
	_, err = d.make(d.root, "dir", 0o600, false)
	require.ErrorIs(t, err, syscall.EEXIST)
	require.ErrorIs(t, d.remove(d.root, "dir", true), syscall.ENOTEMPTY)
	require.ErrorIs(t, d.remove(d.root, "dir", false), syscall.EISDIR)
	require.ErrorIs(t, d.remove(d.root, "file", true), syscall.ENOTDIR)
	require.ErrorIs(t, d.remove(d.root, "none", false), syscall.ENOENT)
	require.ErrorIs(t, d.rename(d.root, "none", d.root, "x"), syscall.ENOENT)
	require.ErrorIs(t, d.rename(d.root, "file", d.root, "dir"), syscall.EISDIR)
	require.ErrorIs(t, d.rename(d.root, "dir", d.root, "file"), syscall.ENOTDIR)
	require.ErrorIs(t, d.write(dir, nil, 0), syscall.EISDIR)
}

// TestWhatWaitsTooLongReachesTheDisk: the oldest writes beyond maxPending become durable, so that memory is bounded.
func TestWhatWaitsTooLongReachesTheDisk(t *testing.T) {
	t.Parallel()
	d := NewDisk()
	n := made(t, d, d.root, "file")
	synced(t, d, d.root)
	block := make([]byte, 1<<20)
	for range 2 * maxPending / len(block) {
		require.NoError(t, d.write(n, block, 0))
	}
	assert.LessOrEqual(t, n.file.bytes, maxPending)
	assert.EqualValues(t, len(block), n.file.synced.size)
}
