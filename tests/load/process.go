package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a process of this machine, with the name that reports give it.
type Process struct {
	Name string
	PID  int
}

// usage is the total usage of a process since its start.
type usage struct {
	cpu     time.Duration
	written int64 // bytes that it made the kernel write to disks; -1: unknown
}

const (
	// ticks is the number of clock ticks of /proc/PID/stat in a second, on every Linux that Go runs on.
	ticks = 100
	// Fields of /proc/PID/stat, counted after the name in brackets, which may contain spaces.
	userField, systemField = 11, 12
)

// errNoUsage is returned on systems without /proc.
var errNoUsage = errors.New("CPU and disk by process are read from /proc, which only Linux has")

// parseProcesses reads NAME=PID.
func parseProcesses(named []string) ([]Process, error) {
	var out []Process
	seen := map[string]bool{}
	for _, text := range named {
		name, number, _ := strings.Cut(text, "=")
		pid, err := strconv.Atoi(number)
		if name == "" || err != nil || pid < 1 {
			return nil, fmt.Errorf("--pid %q: it must be NAME=PID, as in message=4711", text)
		}
		if seen[name] {
			return nil, fmt.Errorf("--pid %q: two processes are called %s", text, name)
		}
		seen[name] = true
		out = append(out, Process{Name: name, PID: pid})
	}
	return out, nil
}

// procFS is /proc.
type procFS string

// usage reads the usage of a process. written is -1 where only the process's owner may read it.
func (p procFS) usage(pid int) (usage, error) {
	dir := filepath.Join(string(p), strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat")) //nolint:gosec // of the process table
	if err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	u := usage{written: -1}
	if u.cpu, err = cpuTime(string(stat)); err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	io, err := os.ReadFile(filepath.Join(dir, "io")) //nolint:gosec // as above
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, os.ErrNotExist):
		return u, nil // another user's, or a kernel without it
	case err != nil:
		return usage{}, fmt.Errorf("read what process %d has written: %w", pid, err)
	}
	for line := range strings.Lines(string(io)) {
		if n, found := strings.CutPrefix(line, "write_bytes: "); found {
			if u.written, err = strconv.ParseInt(strings.TrimSpace(n), 10, 64); err != nil {
				return usage{}, fmt.Errorf("read what process %d has written: %w", pid, err)
			}
		}
	}
	return u, nil
}

// cpuTime returns the CPU time, in user and kernel mode, of a line of /proc/PID/stat.
func cpuTime(stat string) (time.Duration, error) {
	end := strings.LastIndex(stat, ") ")
	fields := strings.Fields(stat[max(end+1, 0):])
	if end < 0 || len(fields) <= systemField {
		return 0, fmt.Errorf("%q is no line of /proc/PID/stat", stat)
	}
	user, err := strconv.ParseInt(fields[userField], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the time in user mode: %w", err)
	}
	system, err := strconv.ParseInt(fields[systemField], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the time in kernel mode: %w", err)
	}
	return time.Duration(user+system) * time.Second / ticks, nil
}

// name returns the name of a process, which the kernel cuts to 15 bytes.
func (p procFS) name(pid int) string {
	text, err := os.ReadFile(filepath.Join(string(p), strconv.Itoa(pid), "comm"))
	if err != nil {
		return "process"
	}
	return strings.TrimSpace(string(text))
}
