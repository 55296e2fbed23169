package app

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/private"
)

// controlFile, in the data directory, tells commands on this machine the address and the token by which the
// running process hands out a dump of its queue. Only the owner of the directory can read the file.
const controlFile = "control.json"

// control is the content of controlFile: a loopback address, and the bearer token that is required there.
type control struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

const (
	queuePath = "/queue"
	// dumpTimeout bounds a whole dump of the queue, on both sides.
	dumpTimeout = time.Hour
	// stalled bounds each write of a dump: the queue can drop no record while a dump is read.
	stalled = time.Minute
)

// openControl serves dumps of the embedded queue to commands on this machine. A queue on servers needs none.
func (a *App) openControl(ctx context.Context) error {
	q, mine := a.queue.(embedded)
	if !mine || a.dir == nil {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for commands on this machine: %w", err)
	}
	c := control{Address: ln.Addr().String(), Token: rand.Text()}
	raw, err := json.Marshal(c)
	if err != nil {
		return errors.Join(fmt.Errorf("tell commands on this machine where to ask: %w", err), ln.Close())
	}
	if err := private.Write(a.dir.File(controlFile), raw); err != nil { // a full disk is no reason not to serve what can be read
		a.log.Warn("control.json could not be written; until a restart, a backup of the message queue needs this process to be stopped", zap.Error(err))
		return ignoreClosed(ln.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+queuePath, answerDump(c.Token, q.Dump, stalled, a.log))
	a.stack.Push("address for commands", func(context.Context) error {
		if err := os.Remove(a.dir.File(controlFile)); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
	a.stack.Go("commands on this machine", func(ctx context.Context) error { return serveHTTP(ctx, ln, mux) })
	return nil
}

// answerDump writes a dump to a caller who has the token. When the dump fails, or one write takes longer than
// stalled, the connection is aborted: otherwise the caller would take a part of the dump for the whole.
func answerDump(word string, dump func(context.Context, io.Writer) error, stalled time.Duration, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+word)) != 1 {
			http.Error(w, "the bearer token of "+controlFile+" is needed", http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), dumpTimeout)
		defer cancel()
		if err := dump(ctx, &patient{w: w, control: http.NewResponseController(w), wait: stalled}); err != nil {
			log.Warn("a dump of the message queue was cut off", zap.Error(err))
			panic(http.ErrAbortHandler)
		}
	})
}

// patient gives each write its own deadline, wait after the write began.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	wait    time.Duration
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.wait)); err != nil {
		return 0, fmt.Errorf("bound a write: %w", err)
	}
	return p.w.Write(b)
}

// dumpOfRunning copies the dump of the queue from the process that runs on the data directory; file is its
// controlFile.
func dumpOfRunning(ctx context.Context, file string, w io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	raw, err := os.ReadFile(file) // #nosec G304 -- in the operator's data directory
	var c control
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return fmt.Errorf("find the gochat that runs (is it older than this one, or still starting?): %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Address+queuePath, nil)
	if err != nil {
		return fmt.Errorf("ask the gochat that runs: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: 30 * time.Second}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the gochat that runs: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the gochat that runs: it answers %s", resp.Status)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("take the dump of the message queue: %w", err)
	}
	return nil
}
