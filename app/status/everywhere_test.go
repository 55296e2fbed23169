package status_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app/status"
)

// process serves a report at /status.json to requests with the token.
func process(t *testing.T, asked *atomic.Int32, r status.Report) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		if !req.URL.Query().Has("alone") || req.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		assert.NoError(t, json.NewEncoder(w).Encode(r))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestEverywhere: any process reports the state of all, and asks each of the others at most once
// in freshFor.
func TestEverywhere(t *testing.T) {
	four, seven, ten, leads := 4.0, 7.0, 10.0, true
	var asked atomic.Int32
	gateway := process(t, &asked, status.Report{State: "degraded", Rates: status.Rates{Accepted: &four, Delivered: &seven}, Gateway: &status.Gateway{Sockets: 10},
		Errors: []status.Line{{At: 2, Message: "newer"}}, Poisoned: []status.Poison{{Reason: "undecodable", Count: 1}}})
	janitor := process(t, &asked, status.Report{State: "ok", Leads: &leads, Lag: []status.Lag{{Topic: "upstream", Group: "message", Messages: 42}}})
	var strangers atomic.Int32
	old := httptest.NewServer(http.NotFoundHandler())
	former := strings.TrimPrefix(old.URL, "http://")
	dead := httptest.NewServer(http.NotFoundHandler())
	silent := strings.TrimPrefix(dead.URL, "http://")
	dead.Close()
	t.Cleanup(old.Close)

	own := func() *status.Report {
		return &status.Report{
			Process: status.Process{Name: "a", Roles: []string{"gateway", "logic"}}, State: "ok", Rates: status.Rates{Accepted: &ten},
			Errors: []status.Line{{At: 1, Message: "older"}}, Poisoned: []status.Poison{{Reason: "undecodable", Count: 2}},
			Processes: []status.Peer{
				{Name: "a", Roles: "gateway,logic", Address: process(t, &strangers, status.Report{})}, {Name: "b", Roles: "gateway", Address: gateway},
				{Name: "c", Roles: "janitor", Address: janitor}, {Name: "d", Address: former}, {Name: "e", Address: silent}, {Name: "f"},
			},
		}
	}
	e := status.NewEverywhere("secret")
	t.Cleanup(e.Close)
	for range 2 {
		r := own()
		e.Fill(t.Context(), r)
		var states []string
		for _, p := range r.Processes {
			states = append(states, p.State)
		}
		assert.Equal(t, []string{"ok", "degraded", "ok", status.StateRefuses, status.StateSilent, ""}, states)
		c := r.Cluster
		require.NotNil(t, c)
		assert.Equal(t, 6, c.Processes)
		assert.Equal(t, 2, c.OK)
		assert.InDelta(t, 14, *c.Rates.Accepted, 0)
		assert.Nil(t, c.Rates.Stored)
		assert.InDelta(t, 10, *c.Sockets, 0)
		assert.Equal(t, []status.Lag{{Topic: "upstream", Group: "message", Messages: 42}}, c.Lag)
		assert.Equal(t, []status.Poison{{Reason: "undecodable", Count: 3}}, c.Poisoned)
		assert.Equal(t, []status.Line{{At: 2, Message: "newer", Process: "b"}, {At: 1, Message: "older", Process: "a"}}, c.Errors)
		assert.True(t, *r.Processes[2].Leads)

		text := r.Text(5)
		for _, want := range []string{"All processes: 6, 2 of them ok", "no answer", "does not say", "accepted 14/s", "42", "b: newer"} {
			assert.Contains(t, text, want)
		}
	}
	assert.EqualValues(t, 2, asked.Load(), "the second answer was the first one")
	assert.Zero(t, strangers.Load(), "a process does not ask itself")
}

// TestOneProcessIsNoCluster: with everything in one process, no other process is asked.
func TestOneProcessIsNoCluster(t *testing.T) {
	r := &status.Report{Process: status.Process{Name: "a"}}
	status.NewEverywhere("").Fill(t.Context(), r)
	assert.Nil(t, r.Cluster)
}
