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
	// freshFor is how long the answers of all processes are reused, so that many viewers cost the
	// processes no more than one.
	freshFor = 3 * time.Second
	// peerTimeout bounds a request to one process, allTimeout those to all; peersAtOnce bounds the
	// requests at the same time, and peerMost the bytes that are read of an answer.
	peerTimeout = time.Second
	allTimeout  = 3 * time.Second
	peersAtOnce = 64
	peerMost    = 1 << 20
	// clusterErrors is the number of log lines, of all processes together, that are shown.
	clusterErrors = 30
)

// Values of Peer.State beside ok, degraded and down.
const (
	StateSilent  = "no answer"    // the process did not answer within 1 s
	StateRefuses = "does not say" // the process refused this process's token, or is too old to have the page
)

// ErrNoReport is wrapped when an answer is no report.
var ErrNoReport = errors.New("the answer is not a status report")

// Everywhere asks all processes for their reports. Safe for concurrent use.
type Everywhere struct {
	client *http.Client
	token  string

	mu    sync.Mutex
	at    time.Time
	peers []Peer
	all   *Cluster
}

// NewEverywhere returns an Everywhere that sends token, unless it is empty, to every process.
func NewEverywhere(token string) *Everywhere {
	return &Everywhere{token: token, client: &http.Client{
		// No proxy and no redirect may see the token: only the registered addresses are asked.
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes the idle connections.
func (e *Everywhere) Close() { e.client.CloseIdleConnections() }

// Fill asks the processes in own.Processes and sets their states there, and the sums in own.Cluster; own is the
// report of this process. Answers less than 3 s old are reused. Fill takes 3 s at most, and a process without an
// answer by then is StateSilent. It leaves own as it is when ctx ends before.
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

// ask asks all processes of own.Processes except for this one, and sets the state of each. A report that did not
// come is nil.
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
			case errors.Is(err, ErrNoReport):
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
		return nil, fmt.Errorf("%w: %s answers %d", ErrNoReport, address, resp.StatusCode)
	}
	return &r, nil
}

// learn copies to p what the list of processes shows of a report.
func (p *Peer) learn(r *Report) {
	p.State, p.CPU, p.MemoryBytes, p.UptimeSeconds = r.State, r.Process.CPU, r.Process.MemoryBytes, &r.Process.UptimeSeconds
	p.Rates, p.Leads = &r.Rates, r.Leads
	if r.Gateway != nil {
		p.Sockets = &r.Gateway.Sockets
	}
}

// together adds up the reports of peers; the report of a process that did not answer is nil.
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

// plus returns sum + v, where nil means that there is no value.
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
