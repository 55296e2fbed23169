package powerloss

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// node is a file or a directory.
type node struct {
	number   uint64
	name     string // the name that it got last
	mode     uint32
	modified time.Time
	// volatile: the disk never stands still at its changes. That is for SQLite's -shm file: shared memory
	// of processes, which the kernel writes back at any time and which SQLite does not trust after a loss.
	volatile bool

	file *file // nil: a directory
	// now are a directory's names as readers see them, synced those that are durable.
	now, synced map[string]*node
}

func (n *node) isDir() bool { return n.file == nil }

// entry is the change of one name: it stands for node from then on, or is removed.
type entry struct {
	dir  *node
	name string
	node *node // nil: the name is removed
}

// step is a change of names that survives a loss whole or not at all; a rename has two entries. When one
// directory of a rename between two is synced, its entry is durable and the other stays pending.
type step []entry

func (e entry) apply(names map[string]*node) {
	if e.node == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.node
}

// name applies a step for readers, and keeps it pending until its directories are synced.
func (d *Disk) name(s step) {
	for _, e := range s {
		if e.apply(e.dir.now); e.node != nil {
			e.node.name = e.name
		}
		e.dir.modified = time.Now()
	}
	d.pending = append(d.pending, s)
}

// syncNames makes the names of a directory durable.
func (d *Disk) syncNames(dir *node) {
	rest := d.pending[:0]
	for _, s := range d.pending {
		var left step
		for _, e := range s {
			if e.dir == dir {
				e.apply(dir.synced)
			} else {
				left = append(left, e)
			}
		}
		if len(left) > 0 {
			rest = append(rest, left)
		}
	}
	d.pending = rest
}

// loseNames decides which of the pending steps survive a loss: none, all, those up to a moment, or any.
// It returns the number of those kept, and of all.
func (d *Disk) loseNames(r *rand.Rand) (kept, of int) {
	of = len(d.pending)
	moment, each := 0, false
	switch r.IntN(4) {
	case 0:
	case 1:
		moment = of
	case 2:
		moment = r.IntN(of + 1)
	default:
		each = true
	}
	for n, s := range d.pending {
		if each && r.IntN(2) == 0 || !each && n >= moment {
			continue
		}
		kept++
		for _, e := range s {
			e.apply(e.dir.synced)
		}
	}
	d.pending = nil
	return kept, of
}

// loss describes what a loss of power kept of the changes that were not synced.
type loss struct {
	unit               int64
	names, keptOfNames int
	files              []string
}

func (l loss) String() string {
	return fmt.Sprintf("units of %d bytes; %d of %d changes of names kept; %s", l.unit, l.keptOfNames, l.names, strings.Join(l.files, ", "))
}

// Lose simulates a loss of power: r decides which changes that were not synced are kept, and the result describes the
// decision. The disk must not be in use.
func (d *Disk) Lose(r *rand.Rand) fmt.Stringer {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := loss{unit: 512}
	if r.IntN(2) == 0 {
		l.unit = 4096
	}
	l.keptOfNames, l.names = d.loseNames(r)
	d.loseIn(d.root, "", r, &l)
	return l
}

func (d *Disk) loseIn(dir *node, path string, r *rand.Rand, l *loss) {
	dir.now = maps.Clone(dir.synced)
	for _, name := range slices.Sorted(maps.Keys(dir.now)) {
		switch n := dir.now[name]; {
		case n.isDir():
			d.loseIn(n, path+name+"/", r, l)
		case len(n.file.pending) > 0:
			changes := len(n.file.pending)
			l.files = append(l.files, fmt.Sprintf("%s%s: %d changes %s", path, name, changes, n.file.lose(r, l.unit)))
		}
	}
}
