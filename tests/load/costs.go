package load

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/gochat/gochat/tests/client"
)

// Cost is the CPU and the disk writes of one process during a run.
type Cost struct {
	Name string `json:"name"`
	PID  int    `json:"pid,omitempty"`
	// CorePercent is the share of one core; MicrosEach is the CPU time for each Report.Each, in µs.
	CPUSeconds  float64 `json:"cpuSeconds"`
	CorePercent float64 `json:"corePercent"`
	MicrosEach  float64 `json:"cpuMicrosEach"`
	// WrittenBytes are the bytes that the process made the kernel write to disks; nil if unknown.
	WrittenBytes *int64   `json:"writtenBytes,omitempty"`
	WrittenEach  *float64 `json:"writtenBytesEach,omitempty"`
}

// thisGenerator is the name of the load generator's own row.
const thisGenerator = "this generator"

// costs reads the usage of the measured processes, of the first server and of this generator.
type costs struct {
	proc      procFS
	server    *client.Server
	processes []Process
	notes     []string
}

// meter is the total usage up to one moment.
type meter struct {
	at     time.Time
	own    time.Duration
	server map[string]float64
	used   []usage
}

// newCosts finds the processes to measure, or takes those that the configuration names.
func newCosts(ctx context.Context, cfg Config, server *client.Server) (*costs, error) {
	named, err := parseProcesses(cfg.PIDs)
	if err != nil {
		return nil, err
	}
	c := &costs{proc: "/proc", server: server, processes: append(named, cfg.Processes...)}
	return c, c.find(ctx, cfg.URLs, runtime.GOOS)
}

// find looks for the servers' processes where the configuration names none; if they cannot be found, the report has a
// note. A named process that cannot be read is an error.
func (c *costs) find(ctx context.Context, urls []string, system string) error {
	if len(c.processes) > 0 {
		if system != "linux" {
			return fmt.Errorf("--pid: %w", errNoUsage)
		}
		for _, p := range c.processes {
			if _, err := c.proc.usage(p.PID); err != nil {
				return fmt.Errorf("--pid %s=%d: %w", p.Name, p.PID, err)
			}
		}
		return nil
	}
	if system != "linux" {
		c.notes = append(c.notes, errNoUsage.Error()+"; the server's CPU is by its own metrics")
		return nil
	}
	ports, err := localPorts(ctx, urls)
	if err != nil {
		return err
	}
	if len(ports) == 0 {
		c.notes = append(c.notes, "the server is on another machine, so its CPU is by its own metrics, and what it writes to disks is not known")
		return nil
	}
	if c.processes, err = c.proc.listeners(ports); err != nil {
		return err
	}
	if len(c.processes) == 0 {
		c.notes = append(c.notes, "the server's process is not seen here (another user's, or in a container): name it by --pid NAME=PID as a user who may read /proc/PID/io")
	}
	return nil
}

// read reads the present usage of all.
func (c *costs) read(ctx context.Context) (meter, error) {
	m := meter{at: time.Now()}
	var err error
	if m.server, err = gauges(ctx, c.server); err != nil {
		return meter{}, err
	}
	if m.own, err = ownCPU(); err != nil {
		return meter{}, err
	}
	for _, p := range c.processes {
		u, err := c.proc.usage(p.PID)
		if err != nil {
			return meter{}, fmt.Errorf("measure %s: %w", p.Name, err)
		}
		m.used = append(m.used, u)
	}
	return m, nil
}

// put writes the usage between two moments into the report, divided by n; each is the name of the n things.
func (c *costs) put(r *Report, before, after meter, each string, n int64) {
	r.Each = each
	seconds := after.at.Sub(before.at).Seconds()
	row := func(name string, pid int, cpu float64) Cost {
		return Cost{Name: name, PID: pid, CPUSeconds: cpu, CorePercent: 100 * cpu / seconds, MicrosEach: 1e6 * cpu / float64(max(n, 1))}
	}
	server := row("first server", 0, after.server[cpuMetric]-before.server[cpuMetric])
	own := row(thisGenerator, 0, (after.own - before.own).Seconds())
	for i, p := range c.processes {
		one := row(p.Name, p.PID, (after.used[i].cpu - before.used[i].cpu).Seconds())
		if written := after.used[i].written - before.used[i].written; before.used[i].written >= 0 && after.used[i].written >= 0 {
			share := float64(written) / float64(max(n, 1))
			one.WrittenBytes, one.WrittenEach = &written, &share
		}
		r.Processes = append(r.Processes, one)
	}
	if len(r.Processes) == 0 {
		r.Processes = append(r.Processes, server)
	}
	r.Processes = append(r.Processes, own)
	if each == "message" {
		r.ServerMicrosEach, r.ClientMicrosEach = server.MicrosEach, own.MicrosEach
	}
	r.ServerMemoryBytes = after.server[rssMetric]
}

// ownCPU returns the CPU time that this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
