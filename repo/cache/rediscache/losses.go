package rediscache

import (
	"time"

	"github.com/gochat/gochat/repo/cache"
)

// losses remembers for each part of Redis, by the key of its epoch, which gateways have not put
// their sessions again since the part lost its data.
type losses map[string]*loss

type loss struct {
	epoch string
	ready map[string]bool
	lost  map[string]bool
	// until is when gateways that are still in lost count as dead.
	until time.Time
}

// follow learns from a new view, and fills in the lost gateways of the view's parts. A view to which
// Redis did not answer changes nothing.
func (all losses) follow(v *view) {
	if v.layout == nil {
		return
	}
	there := make(map[string]bool, len(v.parts))
	for i := range v.parts {
		key := v.layout.epochs[i]
		there[key] = true
		if all[key] == nil {
			all[key] = &loss{}
		}
		all[key].follow(&v.parts[i], v.at)
	}
	for key := range all {
		if !there[key] { // its slots are another part's now
			delete(all, key)
		}
	}
}

func (l *loss) follow(p *partView, now time.Time) {
	if l.epoch != "" && p.epoch != l.epoch {
		lost := map[string]bool{}
		for _, before := range []map[string]bool{l.ready, l.lost} {
			for g := range before {
				lost[g] = true
			}
		}
		l.lost, l.until = lost, now.Add(cache.GatewayFor)
	}
	for g := range l.lost {
		if p.ready[g] || !now.Before(l.until) {
			delete(l.lost, g)
		}
	}
	l.epoch, l.ready = p.epoch, p.ready
	p.lost = make(map[string]bool, len(l.lost))
	for g := range l.lost {
		p.lost[g] = true
	}
}
