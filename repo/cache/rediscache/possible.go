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
	// named is what the witness named at asked. The same slice names the same gateways.
	named []string
	asked time.Time
	seen  map[string]sighting
	// changed counts changes of the set of gateways in seen.
	changed uint64
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
	was, known := p.seen[gateway]
	p.note(gateway, sighting{at: now, listed: was.listed}, known)
}

func (p *possible) note(gateway string, s sighting, known bool) {
	if !known {
		p.changed++
	}
	p.seen[gateway] = s
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
	if p.silent == yes {
		p.changed++ // other times apply
	}
	p.silent = !yes
}

// askWitness notes whom the witness names. While it names the same gateways, they are noted once a second.
func (p *possible) askWitness(now time.Time) {
	if p.witness == nil {
		return
	}
	named := p.witness()
	same := len(named) == len(p.named) && (len(named) == 0 || &named[0] == &p.named[0])
	if same && now.Sub(p.asked) < time.Second {
		return
	}
	p.named, p.asked = named, now
	for _, g := range named {
		was, known := p.seen[g]
		p.note(g, sighting{at: now, listed: true}, known && was.listed)
	}
}

// except lists, sorted, the gateways that may live and are not in known, and forgets gateways that
// were last seen more than cache.SeenFor ago. The list is right until the time that except returns, unless changed or
// known change before.
func (p *possible) except(known map[string]bool, now time.Time) (out []string, until time.Time) {
	p.askWitness(now)
	until = now.Add(cache.SeenFor)
	for g, was := range p.seen {
		ends := was.at.Add(cache.SeenFor)
		switch {
		case now.After(ends) && (was.listed || !p.silent):
			delete(p.seen, g)
			p.changed++
		case !known[g]:
			out = append(out, g)
			if was.listed || !p.silent {
				until = earlier(until, ends)
			}
		}
	}
	slices.Sort(out)
	return out, until
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
