package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/infra/certs"
	"github.com/gochat/gochat/infra/rpc"
)

const certsHelp = `Makes what roles in several processes need to trust each other: a private CA, and
a certificate that it has signed, for both sides of a call.

    gochat certs                          one certificate for all roles on this machine
    gochat certs --host 10.0.0.5 --force  again, good for another address too
    gochat certs --name gateway           another certificate of the same CA

Processes read changed files by themselves. Keep ca-key.pem away from servers:
whoever has it can be any of them.`

// certsCommand makes certificates for rpc.tls. Nothing that exists is replaced
// unless --force is given, and the CA never.
func certsCommand(stdout io.Writer) *cobra.Command {
	var (
		req  certs.Request
		days int
	)
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "Make a private CA and certificates for calls between processes",
		Long:  certsHelp,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if days < 1 || days > 3650 {
				return usageError{fmt.Errorf("--days %d: must be 1 to 3650", days)}
			}
			req.Valid = time.Duration(days) * 24 * time.Hour
			req.Hosts = withLocal(req.Hosts)
			made, err := certs.Make(req)
			if err != nil {
				return fmt.Errorf("make certificates: %w", explainExists(err))
			}
			return printCerts(stdout, made, req.Hosts)
		},
	}
	cmd.Flags().StringVar(&req.Dir, "dir", "certs", "directory for the files")
	cmd.Flags().StringVar(&req.Name, "name", rpc.ServerName, "the certificate's name and that of its files")
	cmd.Flags().StringSliceVar(&req.Hosts, "host", nil, "DNS name or IP address of a server, beside this machine; may be repeated")
	cmd.Flags().IntVar(&days, "days", 365, "how long the certificate lasts")
	cmd.Flags().BoolVar(&req.Force, "force", false, "replace an earlier certificate of this name")
	return cmd
}

// withLocal adds the names that every certificate carries: the one that clients
// check (rpc.tls.server_name), and this machine's own.
func withLocal(hosts []string) []string {
	all := []string{rpc.ServerName, "localhost", "127.0.0.1", "::1"}
	for _, h := range hosts {
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

func explainExists(err error) error {
	if errors.Is(err, certs.ErrExists) {
		return fmt.Errorf("%w; use --force to replace it, or --name for another one", err)
	}
	return err
}

func printCerts(stdout io.Writer, made certs.Made, hosts []string) error {
	files := [3]string{made.CA, made.Cert, made.Key}
	for i, f := range files {
		if abs, err := filepath.Abs(f); err == nil {
			files[i] = abs // the settings must be valid in any working directory
		}
	}
	what := "signed by the CA that was there"
	if made.NewCA {
		what = "signed by a new CA"
	}
	_, err := fmt.Fprintf(stdout, `Made a certificate, %s.
  for    %s
  until  %s

Every process that is to call or be called needs these settings:

  rpc:
    tls:
      ca:   %q
      cert: %q
      key:  %q

or, in the environment:

  export GOCHAT_RPC_TLS_CA=%[4]q
  export GOCHAT_RPC_TLS_CERT=%[5]q
  export GOCHAT_RPC_TLS_KEY=%[6]q
`, what, strings.Join(hosts, ", "), made.Expires.Format(time.DateOnly), files[0], files[1], files[2])
	if err != nil {
		return fmt.Errorf("print what was made: %w", err)
	}
	return nil
}
