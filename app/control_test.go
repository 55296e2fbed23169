package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// commands serves dumps on loopback and returns the control file with its address.
func commands(t *testing.T, stalled time.Duration, dump func(context.Context, io.Writer) error) (file string, at *httptest.Server) {
	t.Helper()
	at = httptest.NewServer(answerDump("the word", dump, stalled, zap.NewNop()))
	t.Cleanup(at.Close)
	raw, err := json.Marshal(control{Address: at.Listener.Addr().String(), Token: "the word"})
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), controlFile)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	return file, at
}

// TestADumpIsWholeOrFails: the reader of a dump gets an error when the process fails in the middle, whatever part
// has arrived.
func TestADumpIsWholeOrFails(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"whole":                     {"all of it\n", nil},
		"nothing of it":             {"", io.ErrShortWrite},
		"the beginning":             {"the beginning\n", io.ErrShortWrite},
		"more than is sent at once": {strings.Repeat("a line\n", 100_000), io.ErrShortWrite},
	} {
		t.Run(name, func(t *testing.T) {
			file, _ := commands(t, time.Minute, func(_ context.Context, w io.Writer) error {
				_, err := io.WriteString(w, c.text)
				return errors.Join(err, c.err)
			})
			var got bytes.Buffer
			err := dumpOfRunning(t.Context(), file, &got)
			if c.err != nil {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.text, got.String())
		})
	}
}

// TestWhoTakesADumpAndStandsStill: a reader that stops in the middle is cut off; otherwise the queue could drop no
// record any more.
func TestWhoTakesADumpAndStandsStill(t *testing.T) {
	ended := make(chan error, 1)
	_, at := commands(t, 50*time.Millisecond, func(ctx context.Context, w io.Writer) error {
		var err error
		for part := make([]byte, 1<<20); err == nil; {
			if err = ctx.Err(); err == nil {
				_, err = w.Write(part)
			}
		}
		ended <- err
		return err
	})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", at.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	_, err = io.WriteString(conn, "GET /queue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer the word\r\n\r\n") // and nothing is read
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(time.Minute):
		t.Fatal("it waits for who takes nothing")
	}
}

func TestDumpsAreForWhoKnowsTheWord(t *testing.T) {
	_, at := commands(t, time.Minute, func(context.Context, io.Writer) error { return nil })
	for given, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer another": 401, "Bearer the word": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URL, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", given)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode, given)
	}
}
