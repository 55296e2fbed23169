// Package powerloss simulates losses of power under an embedded server, and checks that every answer of the
// server before a loss still holds after it. A process that is killed leaves its writes in the kernel; after
// a loss of power only synced data is left for sure, and any part of the other writes. Disk is a file
// system in memory that simulates this.
package powerloss

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNoPower is returned to a change that waited when Cut was called, or came between Cut and Resume.
var ErrNoPower = errors.New("the power is gone")

// Disk is a file system that tells synced data from data that was only written. It is stricter than most: a
// name is durable only once its directory was synced, even if the file itself was. (ext4 makes the name of a
// new file durable when the file is synced.) Modes of files are durable at once. Safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	root    *node
	numbers uint64
	pending []step // changes of names that are not durable

	// when reports whether the disk is to stand still from a change on; nil: at none.
	when   func(Change) bool
	still  bool
	struck chan struct{} // closed when the disk begins to stand still
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

// Change is a change of the disk's content or names, or a sync.
type Change struct {
	// Sync: the change is a sync of a file or directory.
	Sync bool
	// Name is the base name of the file or directory.
	Name string
}

// StandStillAt makes the disk stand still at the first change for which when is true: this change and all later
// ones wait until Cut. The returned channel is closed when the disk begins to stand still.
func (d *Disk) StandStillAt(when func(Change) bool) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.when, d.struck = when, make(chan struct{})
	return d.struck
}

// StandStillAfter makes the disk stand still at the n-th change from now on.
func (d *Disk) StandStillAfter(n int) <-chan struct{} {
	return d.StandStillAt(func(Change) bool { n--; return n <= 0 })
}

// Cut cuts the power: waiting changes and those until Resume fail with ErrNoPower. Lose decides what is lost.
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

// begin locks the disk for a change or a sync of a node; end unlocks it. While the disk stands still, begin waits for
// Cut and returns ErrNoPower without the lock.
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

// remove removes a name from a directory.
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

// rename moves a file or directory to another name, and replaces what had that name.
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

// resize truncates a file, or extends it by zeros.
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

// grow extends a file to size by zeros, unless it is at least as long.
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

// read copies a file's content from the offset at on into p, and returns the number of bytes copied.
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

// find returns the node of a name; nil: the directory has no such name.
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

// about returns a node's mode and the time of its last change.
func (d *Disk) about(n *node) (mode uint32, modified time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n.mode, n.modified
}
