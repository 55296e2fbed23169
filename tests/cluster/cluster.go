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

	"github.com/gochat/gochat/tests/chaos"
)

// Options say what a cluster consists of.
type Options struct {
	// Binary is the program.
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
	// Roles says how many processes each role has, or several in one process (with commas
	// between them); nil is DefaultRoles.
	Roles map[string]int
	// Nameless are processes that are not told their names, so that they take numbers.
	Nameless []string
	// Env is added to the environment of every process.
	Env []string
	// Out is told what happens.
	Out io.Writer
}

// DefaultRoles is the smallest set in which everything that can be there several
// times is.
func DefaultRoles() map[string]int {
	return map[string]int{"repo": 2, "logic": 2, "message": 3, "fanout": 2, "feed": 1, "janitor": 1, "gateway": 2}
}

// order is that of a start by hand; the processes do not need it.
var order = []string{"repo", "logic", "message", "fanout", "feed", "janitor", "gateway"}

// Cluster is running. Its methods are for one goroutine.
type Cluster struct {
	opt     Options
	Servers *Servers
	guest   bool // the servers are another cluster's
	env     []string
	// Processes are in the order in which they were started.
	Processes []*Process
}

// Start starts the servers, makes certificates and starts every process. It returns
// when all of them are ready.
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

// Beside starts another cluster on the servers of this one, which has to stop later. opt.Env
// says what keeps the two apart.
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

// sequence has all kinds of processes in the order in which they are started.
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

// prepare makes the certificates and what all processes are told.
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

// tokenKey is kept, so that tokens outlive a restart of the cluster.
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

// Add starts one more process of a role; it is not waited for.
func (c *Cluster) Add(role string) (*Process, error) {
	n := 1
	for c.Process(fmt.Sprintf("%s-%d", role, n)) != nil {
		n++
	}
	return c.add(role, fmt.Sprintf("%s-%d", role, n))
}

func (c *Cluster) add(role, name string) (*Process, error) {
	var env []string
	if !slices.Contains(c.opt.Nameless, name) {
		env = append(env, "GOCHAT_NAME="+name)
	}
	p, err := c.Other(role, name, env...)
	if err != nil {
		return nil, err
	}
	if role == "gateway" {
		if p.Address, err = chaos.FreeAddress(); err != nil {
			return nil, err
		}
		p.env = append(p.env, "GOCHAT_GATEWAY_LISTEN="+p.Address)
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	c.Processes = append(c.Processes, p)
	return p, nil
}

// Upgrade makes binary the program of what is started from now on. What runs goes on as
// it is.
func (c *Cluster) Upgrade(binary string) { c.opt.Binary = binary }

// Renew ends a process in order, where it runs, and starts it again, as the program of now,
// under its name and on its addresses. It returns when it is ready.
func (c *Cluster) Renew(ctx context.Context, name string) error {
	p := c.Process(name)
	if p == nil {
		return fmt.Errorf("renew %s: there is no such process", name)
	}
	if p.Running() {
		if err := p.Term(30 * time.Second); err != nil {
			return err
		}
	}
	p.binary = c.opt.Binary
	if err := p.Start(); err != nil {
		return err
	}
	return p.Ready(ctx)
}

// Other makes one more process of a role, which the caller starts and ends: it is not
// expected to run. Its log is named as it is here, and its settings are env.
func (c *Cluster) Other(role, name string, env ...string) (*Process, error) {
	p := &Process{Name: name, Role: role, binary: c.opt.Binary, log: filepath.Join(c.opt.Dir, name+".log")}
	var err error
	if p.ops, err = chaos.FreeAddress(); err != nil {
		return nil, err
	}
	p.env = slices.Concat(os.Environ(), c.env, env, []string{"GOCHAT_OPS_LISTEN=" + p.ops})
	return p, nil
}

// Forget leaves processes that have ended out of what is expected to run.
func (c *Cluster) Forget(names ...string) {
	c.Processes = slices.DeleteFunc(c.Processes, func(p *Process) bool { return slices.Contains(names, p.Name) })
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

// Gateways lists the addresses that clients connect to.
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

// Verify runs the program's own check on the database.
func (c *Cluster) Verify(ctx context.Context) (string, error) { return c.Command(ctx, "verify") }

// Command runs a command of the program with the settings of the processes, and returns
// what it says.
func (c *Cluster) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.opt.Binary, args...) //nolint:gosec // ours
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Stop asks every process to stop, the gateways first, and then the servers.
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
