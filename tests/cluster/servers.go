package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Servers are the servers that deploy/local starts.
type Servers struct {
	opt  Options
	tool string
}

// serverTimeout bounds one command of deploy/local, which may install something.
const serverTimeout = 5 * time.Minute

func startServers(ctx context.Context, opt Options) (*Servers, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, fmt.Errorf("find deploy/local: the program was built without paths")
	}
	s := &Servers{opt: opt, tool: filepath.Join(filepath.Dir(here), "..", "..", "deploy", "local", "local")}
	_, err := s.Do(ctx, append([]string{"up"}, s.services()...)...)
	return s, err
}

func (s *Servers) services() []string {
	list := []string{"mariadb", "etcd"}
	if s.queue() == "redisstream" {
		list = append(list, "stream")
	} else {
		list = append(list, s.opt.Queue)
	}
	switch {
	case s.opt.Sentinel:
		return append(list, "sentinel")
	case s.opt.CacheCluster:
		return append(list, "cluster")
	}
	return append(list, "redis")
}

// Do runs a command of deploy/local, such as kill, start, pause or resume with the
// name of a server, and returns its output.
func (s *Servers) Do(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	args = append([]string{"--dir", filepath.Join(s.opt.Dir, "servers"), "--base-port", strconv.Itoa(s.opt.BasePort)}, args...)
	out, err := exec.CommandContext(ctx, s.tool, args...).CombinedOutput() //nolint:gosec // ours
	if err != nil {
		return "", fmt.Errorf("deploy/local %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *Servers) stop() error {
	_, err := s.Do(context.Background(), "down")
	return err
}

func (s *Servers) at(offset int) string { return "127.0.0.1:" + strconv.Itoa(s.opt.BasePort+offset) }

// queue returns the value of mq.driver.
func (s *Servers) queue() string { return strings.TrimSuffix(s.opt.Queue, "3") }

// Brokers returns the addresses of the Kafka brokers.
func (s *Servers) Brokers() []string {
	if s.opt.Queue == "kafka3" {
		return []string{s.at(80), s.at(82), s.at(84)}
	}
	return []string{s.at(0)}
}

// Cache returns the address of the Redis that was started as the master.
func (s *Servers) Cache() string {
	if s.opt.Sentinel {
		return s.at(30)
	}
	return s.at(20)
}

// Queue returns the address of the Redis for mq.driver redisstream.
func (s *Servers) Queue() string { return s.at(21) }

// Registry returns the address of etcd.
func (s *Servers) Registry() string { return s.at(50) }

// Database returns the DSN of a database on the primary.
func (s *Servers) Database(name string) string { return "root@tcp(" + s.at(10) + ")/" + name }

// Replica returns the DSN of a database on the replica.
func (s *Servers) Replica(name string) string { return "root@tcp(" + s.at(11) + ")/" + name }

// Primary returns the host and the port of the primary.
func (s *Servers) Primary() (host, port string) {
	return "127.0.0.1", strconv.Itoa(s.opt.BasePort + 10)
}

// CacheNodes returns the addresses of the servers of a Redis cluster, by their names in deploy/local.
func (s *Servers) CacheNodes() map[string]string {
	out := map[string]string{}
	for i := range 6 {
		out["cluster-"+strconv.Itoa(i+1)] = s.at(40 + i)
	}
	return out
}

// Sentinel returns the address of one of the sentinels.
func (s *Servers) Sentinel() string { return s.at(35) }

// Env returns the settings of the servers, as environment variables for the processes.
func (s *Servers) Env() []string {
	dsn := func(port int) string { return "root@tcp(" + s.at(port) + ")/gochat" }
	env := []string{
		"GOCHAT_REGISTRY_ENDPOINTS=" + s.at(50),
		"GOCHAT_DB_DRIVER=mysql", "GOCHAT_DB_DSN=" + dsn(10), "GOCHAT_DB_REPLICA_DSNS=" + dsn(11),
		"GOCHAT_MQ_KAFKA_BROKERS=" + strings.Join(s.Brokers(), ","), "GOCHAT_MQ_REDISSTREAM_ADDRS=" + s.at(21),
	}
	if s.opt.Sentinel {
		return append(env, "GOCHAT_KV_ADDRS="+strings.Join([]string{s.at(35), s.at(36), s.at(37)}, ","), "GOCHAT_KV_MASTER_NAME=gochat")
	}
	if s.opt.CacheCluster {
		return append(env, "GOCHAT_KV_ADDRS="+strings.Join([]string{s.at(40), s.at(41), s.at(42)}, ","))
	}
	return append(env, "GOCHAT_KV_ADDRS="+s.at(20))
}
