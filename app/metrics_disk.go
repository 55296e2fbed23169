//go:build linux || darwin

package app

import "syscall"

// room returns the bytes that this process may still write to the disk of a folder, and the disk's size in bytes.
func room(dir string) (free, size uint64, ok bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, 0, false
	}
	block := uint64(s.Bsize) //nolint:unconvert // of another type elsewhere
	return s.Bavail * block, s.Blocks * block, true
}
