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

// ends returns what is left after losses that differ in their seeds: each end once, in the order in which it
// came first. prepare makes a new disk, on which only Lose is called then.
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

// text is what is in a file of the root; "-": there is none.
func text(d *Disk, name string) string {
	n := d.find(d.root, name)
	if n == nil {
		return "-"
	}
	p := make([]byte, d.size(n))
	d.read(n, p, 0)
	return string(p)
}

// TestWhatIsSyncedStays through every loss, and what is written after that is lost or kept.
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

// TestNamesNeedTheirDirectory: neither a file's own sync nor that of a directory below makes a name durable.
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

// TestRenamesAreWholeOrNotThere: without a sync of the directory the old name may come back; the file is never
// at both names or at none, and never half of the old one.
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

// TestRemovalsAndCutsMayBeLost as writes are.
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

// TestWritesAreTornAtUnits: units reach the disk in any order, whole, and as they were after one of the writes;
// bytes beside a write in its unit stay.
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

// TestTheSameSeedLosesTheSame, so that a loss can be had again.
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

// TestTheDiskStandsStill at the change that was asked for: it is not done, whoever makes it waits, and gets an
// error when the power is cut.
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

// TestErrorsOfNames are those of any file system.
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

// TestWhatWaitsTooLongReachesTheDisk, so that memory is bounded.
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
