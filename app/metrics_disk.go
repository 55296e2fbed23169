//go:build linux || darwin

package app

import "syscall"

// room is how much is free for this process on the disk of a folder, and how large that is.
func room(dir string) (free, size uint64, ok bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, 0, false
	}
	block := uint64(s.Bsize) //nolint:unconvert // of another type elsewhere
	return s.Bavail * block, s.Blocks * block, true
}
