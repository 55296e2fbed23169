package rediscache

import (
	"slices"
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// possible knows which gateways may live although Redis does not say so: those that have
// beaten through this process, those that Redis knew, and those that a witness names. The
// session registry's lock protects it.
type possible struct {
	// witness lists the gateways that live without asking Redis; nil: there is none.
	witness func() []string
	seen    map[string]sighting
	// silent: Redis did not answer the last time. As long as Redis is silent, gateways that it
	// knew before do not time out.
	silent bool
}

// sighting is when a gateway was last known to live.
type sighting struct {
	at time.Time
	// listed: the witness has named the gateway, so that it times out when the witness no longer
	// does, also while Redis is silent.
	listed bool
}

// see notes that a gateway lives.
func (p *possible) see(gateway string, now time.Time) {
	was := p.seen[gateway]
	p.seen[gateway] = sighting{at: now, listed: was.listed}
}

// answered notes whether Redis answers. When Redis answers again after a silence, the gateways that
// were known before the silence have cache.SeenFor from now on to beat.
func (p *possible) answered(yes bool, now time.Time) {
	if yes && p.silent {
		for g, was := range p.seen {
			if !was.listed {
				p.seen[g] = sighting{at: now}
			}
		}
	}
	p.silent = !yes
}

// except lists, sorted, the gateways that may live and are not in known, and forgets gateways that
// were last seen more than cache.SeenFor ago.
func (p *possible) except(known map[string]bool, now time.Time) []string {
	if p.witness != nil {
		for _, g := range p.witness() {
			p.seen[g] = sighting{at: now, listed: true}
		}
	}
	var out []string
	for g, was := range p.seen {
		switch {
		case now.Sub(was.at) > cache.SeenFor && (was.listed || !p.silent):
			delete(p.seen, g)
		case !known[g]:
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return out
}
