package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// listening is the state of a listening socket in /proc/net/tcp.
	listening = "0A"
	// Fields of a line of /proc/net/tcp.
	localField, stateField, inodeField = 1, 3, 9
	// lookUpIn bounds the look-up of the servers' names.
	lookUpIn = 5 * time.Second
)

// listeners returns the processes of this machine that listen at one of the ports.
func (p procFS) listeners(ports []int) ([]Process, error) {
	sockets := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(string(p), "net", table)) //nolint:gosec // of the process table
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("read the sockets of this machine: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) <= inodeField || f[stateField] != listening {
				continue
			}
			_, hex, _ := strings.Cut(f[localField], ":")
			if port, err := strconv.ParseInt(hex, 16, 32); err == nil && slices.Contains(ports, int(port)) {
				sockets["socket:["+f[inodeField]+"]"] = true
			}
		}
	}
	entries, err := os.ReadDir(string(p))
	if err != nil {
		return nil, fmt.Errorf("list the processes of this machine: %w", err)
	}
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && p.holds(pid, sockets) {
			out = append(out, Process{Name: p.name(pid), PID: pid})
		}
	}
	return tellApart(out), nil
}

// holds reports whether a process has one of the sockets open. It is false for a process that ends meanwhile, and
// for one of another user, whose files cannot be read.
func (p procFS) holds(pid int, sockets map[string]bool) bool {
	dir := filepath.Join(string(p), strconv.Itoa(pid), "fd")
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && sockets[to] {
			return true
		}
	}
	return false
}

// tellApart appends the PID to the names of processes that have the same name.
func tellApart(list []Process) []Process {
	count := map[string]int{}
	for _, p := range list {
		count[p.Name]++
	}
	for i, p := range list {
		if count[p.Name] > 1 {
			list[i].Name = fmt.Sprintf("%s-%d", p.Name, p.PID)
		}
	}
	return list
}

// localPorts returns the ports of the servers that are on this machine.
func localPorts(ctx context.Context, urls []string) ([]int, error) {
	own := map[string]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w", err)
	}
	for _, a := range addrs {
		ip, _, err := net.ParseCIDR(a.String())
		if err == nil {
			own[ip.String()] = true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpIn)
	defer cancel()
	var ports []int
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("the server's address: %w", err)
		}
		ips, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
		if err != nil {
			return nil, fmt.Errorf("look up the server's address: %w", err)
		}
		port, err := strconv.Atoi(portOf(u))
		if err == nil && slices.ContainsFunc(ips, func(ip net.IPAddr) bool { return ip.IP.IsLoopback() || own[ip.IP.String()] }) {
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// portOf returns the port of a URL, or the default port of its scheme.
func portOf(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
