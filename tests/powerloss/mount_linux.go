package powerloss

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount mounts a disk on the directory dir until Unmount. It needs /dev/fuse, and root or the program
// fusermount; without them it returns an error.
//
// The kernel's page cache is on, since SQLite and bbolt map files into memory. The cache writes through: a write of
// a process returns after the write to the disk, except for writes through a mapping.
func Mount(d *Disk, dir string) (*Mounted, error) {
	long := time.Hour // only the kernel changes the disk, so what it caches stays right
	server, err := fs.Mount(dir, &inode{disk: d, node: d.root}, &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long,
		UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		MountOptions: fuse.MountOptions{FsName: "powerloss", Name: "powerloss", DirectMount: true, DisableXAttrs: true},
	})
	if err != nil {
		return nil, fmt.Errorf("mount a file system on %s: %w", dir, err)
	}
	return &Mounted{server}, nil
}

// Mounted is a mounted Disk.
type Mounted struct{ server *fuse.Server }

// Unmount unmounts the disk. The kernel drops its page cache of the disk.
func (m *Mounted) Unmount() error {
	if err := m.server.Unmount(); err != nil {
		return fmt.Errorf("unmount a disk: %w", err)
	}
	return nil
}

// inode connects a node to the kernel's file system calls.
type inode struct {
	fs.Inode
	disk *Disk
	node *node
}

var (
	_ fs.NodeLookuper  = (*inode)(nil)
	_ fs.NodeReaddirer = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
	_ fs.NodeAllocater = (*inode)(nil)
	_ fs.NodeStatfser  = (*inode)(nil)
)

// kernelNumber is the node's inode number for the kernel; go-fuse reserves 1 for the root.
func (n *node) kernelNumber() uint64 { return n.number + 1 }

func (n *node) kind() uint32 {
	if n.isDir() {
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}

func errno(err error) syscall.Errno {
	var code syscall.Errno
	switch {
	case err == nil:
		return fs.OK
	case errors.As(err, &code):
		return code
	}
	return syscall.EIO
}

func (i *inode) child(ctx context.Context, n *node, out *fuse.EntryOut) *fs.Inode {
	i.fill(n, &out.Attr)
	return i.NewInode(ctx, &inode{disk: i.disk, node: n}, fs.StableAttr{Mode: n.kind(), Ino: n.kernelNumber()})
}

func (i *inode) fill(n *node, out *fuse.Attr) {
	mode, modified := i.disk.about(n)
	size := i.disk.size(n)
	out.Ino, out.Mode, out.Size, out.Nlink = n.kernelNumber(), n.kind()|mode, uint64(size), 1
	out.Blocks, out.Blksize = uint64(size+511)/512, pageSize
	out.SetTimes(nil, &modified, &modified)
}

// Lookup implements fs.NodeLookuper.
func (i *inode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n := i.disk.find(i.node, name)
	if n == nil {
		return nil, syscall.ENOENT
	}
	return i.child(ctx, n, out), fs.OK
}

// Readdir implements fs.NodeReaddirer.
func (i *inode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	var list []fuse.DirEntry
	for name, n := range i.disk.list(i.node) {
		list = append(list, fuse.DirEntry{Name: name, Mode: n.kind(), Ino: n.kernelNumber()})
	}
	return fs.NewListDirStream(list), fs.OK
}

// Getattr implements fs.NodeGetattrer.
func (i *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	i.fill(i.node, &out.Attr)
	return fs.OK
}

// Setattr implements fs.NodeSetattrer. Owners and times are not kept.
func (i *inode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if mode, ok := in.GetMode(); ok {
		i.disk.chmod(i.node, mode)
	}
	if size, ok := in.GetSize(); ok {
		if err := i.disk.resize(i.node, int64(size)); err != nil {
			return errno(err)
		}
	}
	i.fill(i.node, &out.Attr)
	return fs.OK
}

// Create implements fs.NodeCreater.
func (i *inode) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	n, err := i.disk.make(i.node, name, mode&0o7777, false)
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	return i.child(ctx, n, out), nil, fuse.FOPEN_KEEP_CACHE, fs.OK
}

// Mkdir implements fs.NodeMkdirer.
func (i *inode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n, err := i.disk.make(i.node, name, mode&0o7777, true)
	if err != nil {
		return nil, errno(err)
	}
	return i.child(ctx, n, out), fs.OK
}

// Unlink implements fs.NodeUnlinker.
func (i *inode) Unlink(_ context.Context, name string) syscall.Errno {
	return errno(i.disk.remove(i.node, name, false))
}

// Rmdir implements fs.NodeRmdirer.
func (i *inode) Rmdir(_ context.Context, name string) syscall.Errno {
	return errno(i.disk.remove(i.node, name, true))
}

// Rename implements fs.NodeRenamer.
func (i *inode) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	dir, ours := to.(*inode)
	if !ours || flags != 0 {
		return syscall.EINVAL
	}
	return errno(i.disk.rename(i.node, name, dir.node, newName))
}

// Open implements fs.NodeOpener.
func (i *inode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_TRUNC != 0 {
		if err := i.disk.resize(i.node, 0); err != nil {
			return nil, 0, errno(err)
		}
	}
	return nil, fuse.FOPEN_KEEP_CACHE, fs.OK
}

// Read implements fs.NodeReader.
func (i *inode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(dest[:i.disk.read(i.node, dest, off)]), fs.OK
}

// Write implements fs.NodeWriter.
func (i *inode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if err := i.disk.write(i.node, data, off); err != nil {
		return 0, errno(err)
	}
	return uint32(len(data)), fs.OK
}

// Fsync implements fs.NodeFsyncer, for directories too.
func (i *inode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return errno(i.disk.sync(i.node))
}

// keepSize is fallocate's FALLOC_FL_KEEP_SIZE.
const keepSize = 1

// Allocate implements fs.NodeAllocater.
func (i *inode) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	switch mode {
	case 0:
		return errno(i.disk.grow(i.node, int64(off+size)))
	case keepSize:
		return fs.OK
	}
	return syscall.EOPNOTSUPP
}

// Statfs implements fs.NodeStatfser: there is always room.
func (i *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 64 << 30 / pageSize
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = blocks, blocks, blocks
	out.Files, out.Ffree = 1<<20, 1<<20
	return fs.OK
}
