// Package reach turns an answer of the session registry about users into routes: through which gateways they
// get a message, also where the registry does not know who is connected where.
package reach

import (
	"math"
	"slices"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// MaxUnsureGateways is how many gateways that may or may not hold the recipients get a copy of a message. It bounds what
// a message costs while the registry is away or has lost its sessions: above it, recipients get a hint to pull
// instead.
const MaxUnsureGateways = 16

// NoLimit is no bound: for frames that clients cannot pull.
const NoLimit = math.MaxInt

// Reach is an answer of the registry, by user.
type Reach struct {
	byUser  map[int64][]string
	stale   []string
	skipped []string
}

// Of reads an answer. Gateways that may or may not hold sockets of the users get a copy, unless there are more
// than most of them: then none of them does, and Skipped lists them.
func Of(found *pb.LocateResponse, most int) *Reach {
	r := &Reach{byUser: map[int64][]string{}}
	for _, g := range found.GetGateways() {
		for _, u := range g.GetUserIds() {
			r.byUser[u] = append(r.byUser[u], g.GetGatewayId())
		}
	}
	unsure := slices.Clone(found.GetStaleGateways())
	for _, d := range found.GetPartlyStale() {
		unsure = append(unsure, d.GetGatewayIds()...)
	}
	slices.Sort(unsure)
	if unsure = slices.Compact(unsure); len(unsure) > most {
		r.skipped = unsure
		return r
	}
	r.stale = found.GetStaleGateways()
	for _, d := range found.GetPartlyStale() {
		for _, u := range d.GetUserIds() {
			r.byUser[u] = append(r.byUser[u], d.GetGatewayIds()...)
		}
	}
	return r
}

// Skipped lists the gateways that may hold sockets of the users and get no copy, since there are too many.
func (r *Reach) Skipped() []string { return r.skipped }

// Routes groups users by gateway. A gateway whose sessions may be missing from the registry gets a copy for all
// users and delivers to the sockets that it has.
func (r *Reach) Routes(users []int64) []handlers.Route {
	if len(users) == 0 {
		return nil
	}
	var out []handlers.Route
	at := map[string]int{}
	for _, gw := range r.stale {
		at[gw] = len(out)
		out = append(out, handlers.Route{GatewayID: gw, Users: users})
	}
	complete := len(out)
	for _, u := range users {
		for _, gw := range r.byUser[u] {
			i, ok := at[gw]
			switch {
			case !ok:
				at[gw] = len(out)
				out = append(out, handlers.Route{GatewayID: gw, Users: []int64{u}})
			case i >= complete && out[i].Users[len(out[i].Users)-1] != u:
				out[i].Users = append(out[i].Users, u)
			}
		}
	}
	return out
}
