package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/app/status"
)

const topHelp = `Shows how a process is, once a second: rates, latencies, dependencies, lag, and the last
warnings of its log. It is what the page /status shows, for terminals. Without --url it asks the
process that runs with the same settings on this machine. Ctrl-C ends it.

    gochat top
    gochat top --url http://10.0.0.7:9090 --token-file ops-token
    gochat top --once             once, as plain text`

const (
	// topEvery is the time between two pictures, topTimeout bounds the request for one, and topLines
	// is the number of log lines in it.
	topEvery   = time.Second
	topTimeout = 5 * time.Second
	topLines   = 8
	// topMost bounds the bytes that are read of an answer; a report is far smaller.
	topMost = 4 << 20
)

// top asks one process for its status.
type top struct {
	url, token string
	client     *http.Client
}

func topCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var url, tokenFile string
	var once bool
	cmd := &cobra.Command{
		Use: "top", Short: "Show how a running process is, in the terminal", Long: topHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := loadLocal(cmd, cfg); err != nil {
				return err
			}
			t, err := newTop(cfg, url, tokenFile)
			if err != nil {
				return err
			}
			if once {
				return t.show(cmd.Context(), stdout)
			}
			return t.watch(cmd.Context(), stdout)
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "where the process answers; empty: as ops.listen or gateway.listen say")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file of the token of ops.token; empty: that of the settings")
	cmd.Flags().BoolVar(&once, "once", false, "print once, as plain text, and end")
	return cmd
}

func newTop(cfg *app.Config, url, tokenFile string) (*top, error) {
	t := &top{url: strings.TrimRight(url, "/"), token: cfg.Ops.Token, client: &http.Client{}}
	if url == "" {
		var err error
		if t.url, err = processURL(cfg); err != nil {
			return nil, err
		}
		t.client.Transport = &http.Transport{} // this machine, and no proxy
	}
	if tokenFile != "" {
		text, err := os.ReadFile(tokenFile) // #nosec G304 -- the operator names it
		if err != nil {
			return nil, fmt.Errorf("read --token-file: %w", err)
		}
		t.token = strings.TrimSpace(string(text))
	}
	return t, nil
}

// watch replaces the picture every second until ctx is done. An error is shown as the picture, and
// the process is asked again.
func (t *top) watch(ctx context.Context, stdout io.Writer) error {
	const home, below = "\x1b[H", "\x1b[J"
	ticker := time.NewTicker(topEvery)
	defer ticker.Stop()
	for {
		var picture strings.Builder
		err := t.show(ctx, &picture)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the user ended it
		}
		if err != nil {
			picture.Reset()
			fmt.Fprintf(&picture, "%s: %v\n", t.url, err)
		}
		text := strings.ReplaceAll(picture.String(), "\n", "\x1b[K\n") // clears the rest of each old line
		if _, err := io.WriteString(stdout, home+text+below); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// show asks for a report and prints it.
func (t *top) show(ctx context.Context, stdout io.Writer) error {
	r, err := t.ask(ctx)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, r.Text(topLines)); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}

func (t *top) ask(ctx context.Context) (*status.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, topTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/status.json", nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", t.url, err)
	}
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nobody answers there: is it running? Name its address by --url, or give its settings (GOCHAT_GATEWAY_LISTEN, GOCHAT_OPS_LISTEN, --config): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, topMost))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", t.url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %d: %.200q", status.ErrNoReport, t.url, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	var r status.Report
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: read the answer of %s: %w", status.ErrNoReport, t.url, err)
	}
	return &r, nil
}
