package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
)

const healthcheckHelp = `Asks the process that runs with the same settings on this machine how it is: on
ops.listen, or on gateway.listen where that is empty. It is for containers' health
checks, whose images have no other client. Exit code 0: well. 1: not, or no answer.

    gochat healthcheck            does it get on? (/livez)
    gochat healthcheck --ready    can it work, with all that it needs? (/readyz)`

// healthcheckTimeout bounds the whole request.
const healthcheckTimeout = 5 * time.Second

// errUnwell is wrapped when the status of the answer is not 200.
var errUnwell = errors.New("the process is not well")

func healthcheckCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the process that runs here whether it is well, as a container's health check",
		Long:  healthcheckHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// etcd is not asked: the check must not depend on it, and addresses are never set there.
			if _, err := loadLocal(cmd, cfg); err != nil {
				return err
			}
			url, err := healthURL(cfg, ready)
			if err != nil {
				return err
			}
			return askHealth(cmd.Context(), url, stdout)
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask /readyz, which looks at every dependency, instead of /livez")
	return cmd
}

// healthURL returns the URL of /livez or /readyz, by which this machine reaches a process with these settings.
func healthURL(c *app.Config, ready bool) (string, error) {
	url, err := processURL(c)
	if ready {
		return url + "/readyz", err
	}
	return url + "/livez", err
}

// processURL returns the URL, without a path, by which this machine reaches a process with these settings: on
// ops.listen, or on gateway.listen where that is empty. A port 0 in the settings is an error.
func processURL(c *app.Config) (string, error) {
	address := c.Ops.Listen
	if address == "" {
		address = c.Gateway.Listen
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("read the address %q of ops.listen or gateway.listen: %w", address, err)
	}
	if port == "0" {
		return "", errors.New("the process chose its port by itself: set ops.listen (GOCHAT_OPS_LISTEN) to a fixed one")
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.To4() != nil && ip.IsUnspecified():
		host = "127.0.0.1" // every address includes the loopback
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

func askHealth(ctx context.Context, url string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("nobody answers there: is it running? This command needs the settings of that process (GOCHAT_GATEWAY_LISTEN, GOCHAT_OPS_LISTEN, --config): %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers %s: %s", errUnwell, url, resp.Status, text)
	}
	if _, err := fmt.Fprintln(stdout, text); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}
