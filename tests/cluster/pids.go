package cluster

import (
	"context"
	"strconv"
	"strings"

	"github.com/gochat/gochat/tests/load"
)

// Running returns the processes of the cluster with their PIDs, the servers first. A server without a process is left
// out.
func (c *Cluster) Running(ctx context.Context) []load.Process {
	var out []load.Process
	for _, name := range c.Servers.names() {
		text, err := c.Servers.Do(ctx, "pid", name)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
			out = append(out, load.Process{Name: name, PID: pid})
		}
	}
	for _, p := range c.Processes {
		out = append(out, load.Process{Name: p.Name, PID: p.PID()})
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
