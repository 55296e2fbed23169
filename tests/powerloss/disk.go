// Package powerloss takes the power from a whole embedded server again and again, and judges what its
// clients were told. A process that is killed leaves what it wrote to the kernel; a machine without power
// leaves only what was synced, and of the rest whatever had reached the disk by then. Disk is a file
// system in memory that knows the difference.
package powerloss

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNoPower is what a change gets that came when the power was gone.
var ErrNoPower = errors.New("the power is gone")

// Disk is a file system that keeps apart what was synced and what was only written. It is stricter than
// most: a name is durable only when its directory was synced, whatever was done with the file. (ext4 keeps
// the name of a new file when the file itself is synced.) Modes of files are durable at once.
// Safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	root    *node
	numbers uint64
	pending []step // changes of names that are not durable

	// when says at which change the disk stands still; nil: at none.
	when   func(Change) bool
	still  bool
	struck chan struct{} // closed when it begins to stand still
	cut    chan struct{} // closed by Cut
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	d := &Disk{cut: make(chan struct{})}
	d.root = d.newNode(0o700, true)
	return d
}

func (d *Disk) newNode(mode uint32, dir bool) *node {
	d.numbers++
	n := &node{number: d.numbers, mode: mode, modified: time.Now()}
	if dir {
		n.now, n.synced = map[string]*node{}, map[string]*node{}
	} else {
		n.file = &file{}
	}
	return n
}

// Change is something that makes the disk another one, or more of it durable.
type Change struct {
	// Sync: the file is synced, or the directory.
	Sync bool
	// Name is that of the file or directory, without those above it.
	Name string
}

// StandStillAt lets the disk stand still at the first change for which when says so: that one and those
// after it wait. The channel is closed then.
func (d *Disk) StandStillAt(when func(Change) bool) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.when, d.struck = when, make(chan struct{})
	return d.struck
}

// StandStillAfter is StandStillAt the n-th change from now on.
func (d *Disk) StandStillAfter(n int) <-chan struct{} {
	return d.StandStillAt(func(Change) bool { n--; return n <= 0 })
}

// Cut takes the power: changes that wait fail, and those that come do, until Resume.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.when, d.still = nil, true; !closed(d.cut) {
		close(d.cut)
	}
}

// Resume gives the power back.
func (d *Disk) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.when, d.still, d.cut = nil, false, make(chan struct{})
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// begin waits until a node may be changed or synced, and locks the disk then; end unlocks it.
func (d *Disk) begin(n *node, sync bool) error {
	d.mu.Lock()
	if n.volatile {
		return nil
	}
	if d.when != nil && !d.still && d.when(Change{sync, n.name}) {
		d.still = true
		close(d.struck)
	}
	if !d.still {
		return nil
	}
	cut := d.cut
	d.mu.Unlock()
	<-cut
	return ErrNoPower
}

func (d *Disk) end() { d.mu.Unlock() }

// make makes a file or a directory.
func (d *Disk) make(dir *node, name string, mode uint32, isDir bool) (*node, error) {
	if err := d.begin(dir, false); err != nil {
		return nil, err
	}
	defer d.end()
	if dir.now[name] != nil {
		return nil, syscall.EEXIST
	}
	n := d.newNode(mode, isDir)
	n.volatile = strings.HasSuffix(name, "-shm")
	d.name(step{{dir, name, n}})
	return n, nil
}

// remove takes a name away.
func (d *Disk) remove(dir *node, name string, isDir bool) error {
	if err := d.begin(dir, false); err != nil {
		return err
	}
	defer d.end()
	switch n := dir.now[name]; {
	case n == nil:
		return syscall.ENOENT
	case isDir && !n.isDir():
		return syscall.ENOTDIR
	case !isDir && n.isDir():
		return syscall.EISDIR
	case len(n.now) > 0:
		return syscall.ENOTEMPTY
	}
	d.name(step{{dir, name, nil}})
	return nil
}

// rename moves a name, which takes the place of another one.
func (d *Disk) rename(dir *node, name string, to *node, newName string) error {
	if err := d.begin(dir, false); err != nil {
		return err
	}
	defer d.end()
	n, old := dir.now[name], to.now[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case n == old:
		return nil
	case old != nil && old.isDir() && !n.isDir():
		return syscall.EISDIR
	case old != nil && !old.isDir() && n.isDir():
		return syscall.ENOTDIR
	case old != nil && len(old.now) > 0:
		return syscall.ENOTEMPTY
	}
	d.name(step{{dir, name, nil}, {to, newName, n}})
	return nil
}

// write writes a copy of p into a file.
func (d *Disk) write(n *node, p []byte, at int64) error {
	return d.change(n, change{at, append([]byte{}, p...)})
}

// resize cuts a file, or makes it longer.
func (d *Disk) resize(n *node, size int64) error { return d.change(n, change{at: size}) }

func (d *Disk) change(n *node, c change) error {
	if n.isDir() {
		return syscall.EISDIR
	}
	if err := d.begin(n, false); err != nil {
		return err
	}
	defer d.end()
	n.file.change(c)
	n.modified = time.Now()
	return nil
}

// grow makes a file at least as long.
func (d *Disk) grow(n *node, size int64) error {
	if d.size(n) >= size {
		return nil
	}
	return d.resize(n, size)
}

// sync makes a file's content, or a directory's names, durable.
func (d *Disk) sync(n *node) error {
	if err := d.begin(n, true); err != nil {
		return err
	}
	defer d.end()
	if n.isDir() {
		d.syncNames(n)
	} else {
		n.file.sync()
	}
	return nil
}

// chmod changes a mode.
func (d *Disk) chmod(n *node, mode uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.mode = mode
}

// read fills p with what is in a file from at on.
func (d *Disk) read(n *node, p []byte, at int64) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n.file.now.read(p, at)
}

func (d *Disk) size(n *node) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.isDir() {
		return pageSize
	}
	return n.file.now.size
}

// find returns what a name stands for; nil: nothing.
func (d *Disk) find(dir *node, name string) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return dir.now[name]
}

// list returns a directory's names.
func (d *Disk) list(dir *node) map[string]*node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(dir.now)
}

// about returns what changes of a node.
func (d *Disk) about(n *node) (mode uint32, modified time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n.mode, n.modified
}
