// Package cluster runs every role as processes of its own on real servers, all on
// this machine: to try it out, to measure it, and to break it.
package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are the parts of a cluster.
type Options struct {
	// Binary is the path of gochat.
	Binary string
	// Dir holds the servers' data, the certificates and the logs.
	Dir string
	// BasePort is the first port of the servers; see deploy/local.
	BasePort int
	// Queue is kafka, kafka3 (three brokers, of which one may be away) or redisstream.
	Queue string
	// Sentinel puts the cache behind sentinels, so that a replica can take over.
	Sentinel bool
	// CacheCluster makes the cache a cluster of three masters with a replica each.
	CacheCluster bool
	// Roles is the number of processes of each role, or of each list of roles with commas; nil is
	// DefaultRoles.
	Roles map[string]int
	// Nameless are processes without GOCHAT_NAME, which take slots instead.
	Nameless []string
	// Env is added to the environment of every process.
	Env []string
	// Out is for lines of progress; nothing is written to it at present.
	Out io.Writer
}

// DefaultRoles has several processes of each role except for feed and janitor: the
// roles between which work is shared.
func DefaultRoles() map[string]int {
	return map[string]int{"repo": 2, "logic": 2, "message": 3, "fanout": 2, "feed": 1, "janitor": 1, "gateway": 2}
}

// order is the order in which processes are started. They would also start in any other.
var order = []string{"repo", "logic", "message", "fanout", "feed", "janitor", "gateway"}

// Cluster is a running cluster. Its methods are not safe for concurrent use.
type Cluster struct {
	opt     Options
	Servers *Servers
	guest   bool // the servers belong to another cluster
	env     []string
	// Processes are in the order in which they were started.
	Processes []*Process
}

// Start starts the servers, makes certificates, starts every process, and waits until
// all are ready. After an error it stops what it has started.
func Start(ctx context.Context, opt Options) (*Cluster, error) {
	if opt.Roles == nil {
		opt.Roles = DefaultRoles()
	}
	if opt.Queue == "" {
		opt.Queue = "kafka"
	}
	if opt.Out == nil {
		opt.Out = io.Discard
	}
	c := &Cluster{opt: opt}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Beside starts another cluster on the servers of c; stop the other one first. opt.Env has the
// settings that separate the two. The options of servers (BasePort, Queue, Sentinel, CacheCluster) are not used.
func (c *Cluster) Beside(ctx context.Context, opt Options) (*Cluster, error) {
	if opt.Roles == nil {
		opt.Roles = DefaultRoles()
	}
	other := &Cluster{opt: opt, Servers: c.Servers, guest: true}
	if err := other.start(ctx); err != nil {
		return nil, errors.Join(err, other.Stop())
	}
	return other, nil
}

// sequence returns the keys of Roles in the order in which their processes are started.
func (o Options) sequence() []string {
	var several []string
	for role := range o.Roles {
		if !slices.Contains(order, role) {
			several = append(several, role)
		}
	}
	slices.Sort(several)
	return append(several, order...)
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if !c.guest {
		if c.Servers, err = startServers(ctx, c.opt); err != nil {
			return err
		}
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	for _, role := range c.opt.sequence() {
		for n := range c.opt.Roles[role] {
			if _, err := c.add(role, fmt.Sprintf("%s-%d", strings.ReplaceAll(role, ",", "-"), n+1)); err != nil {
				return err
			}
		}
	}
	return c.Ready(ctx)
}

// prepare makes the certificates and the environment of all processes.
func (c *Cluster) prepare(ctx context.Context) error {
	certs := filepath.Join(c.opt.Dir, "certs")
	if _, err := os.Stat(filepath.Join(certs, "gochat.pem")); err != nil {
		out, err := exec.CommandContext(ctx, c.opt.Binary, "certs", "--dir", certs).CombinedOutput() //nolint:gosec // ours
		if err != nil {
			return fmt.Errorf("make certificates: %w\n%s", err, out)
		}
	}
	key, err := c.tokenKey()
	if err != nil {
		return err
	}
	c.env = append([]string{
		"GOCHAT_AUTH_KEYS=k1=" + key, "GOCHAT_AUTH_ACTIVE_KEY=k1",
		"GOCHAT_RPC_TLS_CA=" + filepath.Join(certs, "ca.pem"),
		"GOCHAT_RPC_TLS_CERT=" + filepath.Join(certs, "gochat.pem"),
		"GOCHAT_RPC_TLS_KEY=" + filepath.Join(certs, "gochat-key.pem"),
		"GOCHAT_MQ_DRIVER=" + c.Servers.queue(),
		"GOCHAT_LIMITS_AUTH_PER_MINUTE=1000000", "GOCHAT_AUTH_BCRYPT_COST=4",
	}, append(c.Servers.Env(), c.opt.Env...)...)
	return nil
}

// tokenKey returns the token key of Options.Dir, made at the first start: tokens stay valid over restarts.
func (c *Cluster) tokenKey() (string, error) {
	file := filepath.Join(c.opt.Dir, "token-key")
	if key, err := os.ReadFile(file); err == nil { //nolint:gosec // ours
		return string(key), nil
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails
	key := hex.EncodeToString(raw)
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		return "", fmt.Errorf("keep the token key: %w", err)
	}
	return key, nil
}

// Process returns a process by its name, nil when there is none.
func (c *Cluster) Process(name string) *Process {
	for _, p := range c.Processes {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Gateways returns the URLs of the gateways.
func (c *Cluster) Gateways() []string {
	var urls []string
	for _, p := range c.Processes {
		if p.Role == "gateway" {
			urls = append(urls, "http://"+p.Address)
		}
	}
	return urls
}

// Ready waits until every process is ready.
func (c *Cluster) Ready(ctx context.Context) error {
	for _, p := range c.Processes {
		if err := p.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Verify runs "gochat verify" on the database.
func (c *Cluster) Verify(ctx context.Context) (string, error) { return c.Command(ctx, "verify") }

// Command runs a command of gochat with the settings of the processes, and returns its
// output.
func (c *Cluster) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.opt.Binary, args...) //nolint:gosec // ours
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Stop stops every process, the gateways first, and then the servers.
func (c *Cluster) Stop() error {
	var errs []error
	order := c.opt.sequence()
	for i := len(order) - 1; i >= 0; i-- {
		var stopping sync.WaitGroup
		var mu sync.Mutex
		for _, p := range c.Processes {
			if p.Role != order[i] || !p.Running() {
				continue
			}
			stopping.Go(func() {
				if err := p.Term(20 * time.Second); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				}
			})
		}
		stopping.Wait()
	}
	if c.Servers != nil && !c.guest {
		errs = append(errs, c.Servers.stop())
	}
	return errors.Join(errs...)
}
