package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is how many units of /proc/PID/stat a second has, on every Linux that Go
// runs on.
const ticks = 100

// Names lists the processes of the cluster, those of the servers first.
func (c *Cluster) Names() []string {
	names := c.Servers.names()
	for _, p := range c.Processes {
		names = append(names, p.Name)
	}
	return names
}

// CPU returns the seconds of CPU that each process has used so far, by name. What
// cannot be read is left out.
func (c *Cluster) CPU() map[string]float64 {
	out := map[string]float64{}
	for _, name := range c.Servers.names() {
		text, err := c.Servers.Do(context.Background(), "pid", name)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(text); err == nil {
			out[name] = used(pid)
		}
	}
	for _, p := range c.Processes {
		out[p.Name] = used(p.PID())
	}
	return out
}

func (s *Servers) names() []string {
	names := []string{"mariadb-primary", "mariadb-replica", "etcd"}
	if s.opt.Queue == "redisstream" {
		names = append(names, "stream")
	} else {
		names = append(names, "kafka")
	}
	switch {
	case s.opt.Sentinel:
		return append(names, "sentinel-redis-1")
	case s.opt.CacheCluster:
		return append(names, "cluster-1", "cluster-2", "cluster-3")
	}
	return append(names, "redis")
}

// used reads a process's time in user and kernel mode; 0 when it is gone.
func used(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (user + system) / ticks
}
