package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// freshFor is for how long an answer about all processes is given again, so that many who look
	// cost the processes no more than one does.
	freshFor = 3 * time.Second
	// peerTimeout bounds asking one process, allTimeout asking all; peersAtOnce is how many are asked
	// at the same time, and peerMost far more bytes than a report has.
	peerTimeout = time.Second
	allTimeout  = 3 * time.Second
	peersAtOnce = 64
	peerMost    = 1 << 20
	// clusterErrors is how many lines of all logs are shown.
	clusterErrors = 30
)

// What a peer's State says beside ok, degraded and down.
const (
	StateSilent  = "no answer"    // nobody answers at its address
	StateRefuses = "does not say" // it asks for a token that this process does not have, or is older than this page
)

// errRefuses is an answer that is no report.
var errRefuses = errors.New("it does not tell its status")

// Everywhere asks all processes how they are. Several goroutines may use one.
type Everywhere struct {
	client *http.Client
	token  string

	mu    sync.Mutex
	at    time.Time
	peers []Peer
	all   *Cluster
}

// NewEverywhere asks with a token, if one is given.
func NewEverywhere(token string) *Everywhere {
	return &Everywhere{token: token, client: &http.Client{
		// Processes are asked where they say they are: no proxy, and nowhere else.
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close gives the connections up.
func (e *Everywhere) Close() { e.client.CloseIdleConnections() }

// Fill adds how the processes of own are, and what they say together, to own, which is the report of one
// of them. What is less than 3 s old is given again. It takes 3 s at most; who has not answered by then
// counts as silent.
func (e *Everywhere) Fill(ctx context.Context, own *Report) {
	if len(own.Processes) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil || time.Since(e.at) > freshFor {
		bounded, cancel := context.WithTimeout(ctx, allTimeout)
		reports := e.ask(bounded, own)
		cancel()
		if ctx.Err() != nil {
			return
		}
		e.peers, e.all, e.at = slices.Clone(own.Processes), together(own.Processes, reports), time.Now()
	}
	own.Processes, own.Cluster = slices.Clone(e.peers), e.all
}

// ask asks each process of own but own itself, and notes at each how it is.
func (e *Everywhere) ask(ctx context.Context, own *Report) []*Report {
	reports := make([]*Report, len(own.Processes))
	var asking sync.WaitGroup
	places := make(chan struct{}, peersAtOnce)
	for i := range own.Processes {
		peer := &own.Processes[i]
		if peer.Name == own.Process.Name && peer.Roles == strings.Join(own.Process.Roles, ",") {
			reports[i] = own
			peer.learn(own)
			continue
		}
		if peer.Address == "" {
			continue
		}
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			r, err := e.one(ctx, peer.Address)
			switch {
			case err == nil:
				reports[i] = r
				peer.learn(r)
			case errors.Is(err, errRefuses):
				peer.State = StateRefuses
			default:
				peer.State = StateSilent
			}
		})
	}
	asking.Wait()
	return reports
}

func (e *Everywhere) one(ctx context.Context, address string) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status.json?alone", nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its status: %w", address, err)
	}
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	resp, err := e.client.Do(req) // #nosec G704 -- the address is of the registry of processes
	if err != nil {
		return nil, fmt.Errorf("ask %s for its status: %w", address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, peerMost))
	if err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", address, err)
	}
	var r Report
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &r) != nil || r.State == "" {
		return nil, fmt.Errorf("%w: %s answers %d", errRefuses, address, resp.StatusCode)
	}
	return &r, nil
}

// learn takes from a process's report what the list of all shows of it.
func (p *Peer) learn(r *Report) {
	p.State, p.CPU, p.MemoryBytes, p.UptimeSeconds = r.State, r.Process.CPU, r.Process.MemoryBytes, &r.Process.UptimeSeconds
	p.Rates, p.Leads = &r.Rates, r.Leads
	if r.Gateway != nil {
		p.Sockets = &r.Gateway.Sockets
	}
}

// together adds up what processes report; one that did not is nil.
func together(peers []Peer, reports []*Report) *Cluster {
	c := &Cluster{Processes: len(peers), Lag: []Lag{}, Poisoned: []Poison{}, Errors: []Line{}}
	poisoned := map[string]float64{}
	for i, r := range reports {
		if peers[i].State == "ok" {
			c.OK++
		}
		if r == nil {
			continue
		}
		c.Rates.Accepted = plus(c.Rates.Accepted, r.Rates.Accepted)
		c.Rates.Stored = plus(c.Rates.Stored, r.Rates.Stored)
		c.Rates.Delivered = plus(c.Rates.Delivered, r.Rates.Delivered)
		if r.Gateway != nil {
			c.Sockets = plus(c.Sockets, &r.Gateway.Sockets)
		}
		c.Lag = append(c.Lag, r.Lag...)
		for _, x := range r.Poisoned {
			poisoned[x.Reason] += x.Count
		}
		for _, l := range r.Errors {
			l.Process = peers[i].Name
			c.Errors = append(c.Errors, l)
		}
	}
	for reason, count := range poisoned {
		c.Poisoned = append(c.Poisoned, Poison{Reason: reason, Count: count})
	}
	slices.SortFunc(c.Poisoned, func(a, b Poison) int { return int(b.Count - a.Count) })
	slices.SortStableFunc(c.Errors, func(a, b Line) int { return int(b.At - a.At) })
	c.Errors = c.Errors[:min(len(c.Errors), clusterErrors)]
	return c
}

// plus adds what one has to a sum; nil is nothing.
func plus(sum, v *float64) *float64 {
	if v == nil {
		return sum
	}
	total := *v
	if sum != nil {
		total += *sum
	}
	return &total
}
