package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeProc is a directory like /proc with some processes.
type fakeProc struct {
	t   *testing.T
	dir string
}

func newFakeProc(t *testing.T) fakeProc {
	t.Helper()
	p := fakeProc{t, t.TempDir()}
	p.put("net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0 100 0 0 10 0\n"+
		"   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1002 1 0 100 0 0 10 0\n"+
		"   2: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 1003 1 0 100 0 0 10 0\n")
	return p
}

func (p fakeProc) put(name, text string) {
	p.t.Helper()
	name = filepath.Join(p.dir, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(p.t, os.WriteFile(name, []byte(text), 0o600))
}

func stat(pid int, comm string, user, system int) string {
	return fmt.Sprintf("%d (%s) S 1 1 1 0 -1 4194560 100 0 0 0 %d %d 7 7 20 0 8 0 100 1000 200 1844674\n", pid, comm, user, system)
}

// process adds a process with open sockets.
func (p fakeProc) process(pid int, comm string, sockets ...int) {
	p.t.Helper()
	dir := strconv.Itoa(pid)
	p.put(dir+"/comm", comm+"\n")
	p.put(dir+"/stat", stat(pid, comm, 150, 50))
	p.put(dir+"/io", "rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 5\nwrite_bytes: 4096\ncancelled_write_bytes: 3\n")
	require.NoError(p.t, os.MkdirAll(filepath.Join(p.dir, dir, "fd"), 0o700))
	for i, s := range sockets {
		require.NoError(p.t, os.Symlink(fmt.Sprintf("socket:[%d]", s), filepath.Join(p.dir, dir, "fd", strconv.Itoa(i))))
	}
}

func TestProcessesAreNamed(t *testing.T) {
	t.Parallel()
	got, err := parseProcesses([]string{"gateway=17", "the database=4711"})
	require.NoError(t, err)
	assert.Equal(t, []Process{{"gateway", 17}, {"the database", 4711}}, got)
	for _, wrong := range [][]string{{"17"}, {"=17"}, {"a="}, {"a=b"}, {"a=0"}, {"a=-1"}, {"a=1", "a=2"}} {
		_, err := parseProcesses(wrong)
		assert.ErrorContains(t, err, "--pid", "%v", wrong)
	}
}

// TestCPUTime: the name of a process may have spaces and brackets.
func TestCPUTime(t *testing.T) {
	t.Parallel()
	for _, comm := range []string{"gochat", "tmux: server", "a) S (b"} {
		d, err := cpuTime(stat(17, comm, 150, 50))
		require.NoError(t, err, comm)
		assert.Equal(t, 2*time.Second, d, comm)
	}
	for _, wrong := range []string{"", "17 (gochat) S 1 1", "17 gochat S 1 1 1 0 -1 4194560 100 0 0 0 1 2", "17 (gochat) S 1 1 1 0 -1 4194560 100 0 0 0 a b 7"} {
		_, err := cpuTime(wrong)
		assert.Error(t, err, wrong)
	}
}

func TestUsageOfAProcess(t *testing.T) {
	t.Parallel()
	p := newFakeProc(t)
	p.process(17, "gochat")
	p.process(18, "secret")
	require.NoError(t, os.Remove(filepath.Join(p.dir, "18/io")))
	u, err := procFS(p.dir).usage(17)
	require.NoError(t, err)
	assert.Equal(t, usage{cpu: 2 * time.Second, written: 4096}, u)
	u, err = procFS(p.dir).usage(18)
	require.NoError(t, err)
	assert.Equal(t, int64(-1), u.written, "what cannot be read is not nothing")
	_, err = procFS(p.dir).usage(19)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestListenersAreFound(t *testing.T) {
	t.Parallel()
	p := newFakeProc(t)
	p.process(17, "gochat", 1001)
	p.process(18, "gochat", 1002)
	p.process(19, "curl", 1003)
	p.process(20, "postgres", 999)
	for _, c := range []struct {
		ports []int
		want  []Process
	}{
		{[]int{8080}, []Process{{"gochat", 17}}}, // not the process that is connected to the port
		{[]int{8080, 8081}, []Process{{"gochat-17", 17}, {"gochat-18", 18}}},
		{[]int{9999}, nil},
	} {
		got, err := procFS(p.dir).listeners(c.ports)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "at %v", c.ports)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "17/fd")))
	got, err := procFS(p.dir).listeners([]int{8080})
	require.NoError(t, err)
	assert.Empty(t, got, "another user's process")
}

// TestWhoIsMeasured: a named process that is missing is an error; if no process is found, that is a note.
func TestWhoIsMeasured(t *testing.T) {
	t.Parallel()
	p := newFakeProc(t)
	p.process(17, "gochat", 1001)
	for _, c := range []struct {
		name, system, url string
		named             []Process
		want              int
		notes, err        string
	}{
		{name: "found", system: "linux", url: "http://127.0.0.1:8080", want: 1},
		{name: "named", system: "linux", url: "http://127.0.0.1:8080", named: []Process{{"db", 17}}, want: 1},
		{name: "gone", system: "linux", url: "http://127.0.0.1:8080", named: []Process{{"db", 99}}, err: "--pid db=99"},
		{name: "nobody", system: "linux", url: "http://127.0.0.1:9999", notes: "is not seen here"},
		{name: "far", system: "linux", url: "http://192.0.2.1:8080", notes: "on another machine"},
		{name: "no Linux", system: "darwin", url: "http://127.0.0.1:8080", notes: "only Linux has"},
		{name: "named, no Linux", system: "darwin", url: "http://127.0.0.1:8080", named: []Process{{"db", 17}}, err: "only Linux has"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			costs := &costs{proc: procFS(p.dir), processes: c.named}
			err := costs.find(t.Context(), []string{c.url}, c.system)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Len(t, costs.processes, c.want)
			if c.notes == "" {
				assert.Empty(t, costs.notes)
			} else {
				require.Len(t, costs.notes, 1)
				assert.Contains(t, costs.notes[0], c.notes)
			}
		})
	}
}

func TestCostsAreDivided(t *testing.T) {
	t.Parallel()
	c := &costs{processes: []Process{{"gateway", 17}, {"secret", 18}}}
	begin := time.Now()
	before := meter{at: begin, own: time.Second, server: map[string]float64{cpuMetric: 1}, used: []usage{{time.Second, 1000}, {0, -1}}}
	after := meter{at: begin.Add(4 * time.Second), own: 2 * time.Second, server: map[string]float64{cpuMetric: 3, rssMetric: 7},
		used: []usage{{3 * time.Second, 5000}, {time.Second, -1}}}
	var r Report
	c.put(&r, before, after, "message", 1000)
	written, each := int64(4000), 4.0
	assert.Equal(t, []Cost{
		{Name: "gateway", PID: 17, CPUSeconds: 2, CorePercent: 50, MicrosEach: 2000, WrittenBytes: &written, WrittenEach: &each},
		{Name: "secret", PID: 18, CPUSeconds: 1, CorePercent: 25, MicrosEach: 1000},
		{Name: thisGenerator, CPUSeconds: 1, CorePercent: 25, MicrosEach: 1000},
	}, r.Processes)
	assert.Equal(t, []float64{2000, 1000, 7}, []float64{r.ServerMicrosEach, r.ClientMicrosEach, r.ServerMemoryBytes})

	var calls Report
	(&costs{}).put(&calls, before, after, "page", 10)
	assert.Equal(t, []string{"first server", thisGenerator}, []string{calls.Processes[0].Name, calls.Processes[1].Name})
	assert.Zero(t, calls.ServerMicrosEach, "a page is no message")
}
