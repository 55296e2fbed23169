package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gochat/gochat/tests/chaos"
)

// Add starts one more process of a role, and does not wait until it is ready.
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

// Upgrade makes binary the program of processes that are started or renewed from now on. Running
// processes are not changed.
func (c *Cluster) Upgrade(binary string) { c.opt.Binary = binary }

// Renew ends a process by SIGTERM if it runs, starts it again with the binary of the last Upgrade and
// the same name and addresses, and waits until it is ready.
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

// Other makes a process of a role that does not belong to c: the caller starts and ends it. name
// names its log; env is added to the environment of all processes.
func (c *Cluster) Other(role, name string, env ...string) (*Process, error) {
	p := &Process{Name: name, Role: role, binary: c.opt.Binary, log: filepath.Join(c.opt.Dir, name+".log")}
	var err error
	if p.ops, err = chaos.FreeAddress(); err != nil {
		return nil, err
	}
	p.env = slices.Concat(os.Environ(), c.env, env, []string{"GOCHAT_OPS_LISTEN=" + p.ops})
	return p, nil
}

// Forget removes ended processes from Processes.
func (c *Cluster) Forget(names ...string) {
	c.Processes = slices.DeleteFunc(c.Processes, func(p *Process) bool { return slices.Contains(names, p.Name) })
}
