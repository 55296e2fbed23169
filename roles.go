package main

import (
	"fmt"
	"slices"
	"strings"
)

// role is a part of GoChat that can run on its own or with others in one
// process.
type role struct {
	name string
	does string
	// needs are roles that must be in the same process while the parts
	// between them are embedded.
	needs []string
}

// roles is the one table of roles, in the order in which they start.
var roles = []role{
	{name: "repo", does: "storage: the only one that touches the database and the cache"},
	{name: "logic", does: "accounts, conversations, history: the business rules", needs: []string{"repo"}},
	{name: "message", does: "the message pipeline: number, store, deliver", needs: []string{"repo"}},
	{name: "fanout", does: "delivery to large groups", needs: []string{"repo"}},
	{name: "gateway", does: "HTTP and WebSocket for clients, and the web client", needs: []string{"repo", "logic", "message", "fanout"}},
}

const roleAll = "all"

func roleHelp() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %-9s every role in this process\n", roleAll)
	for _, r := range roles {
		fmt.Fprintf(&b, "    %-9s %s\n", r.name, r.does)
	}
	return b.String()
}

// parseRoles reads "all" or a list with commas. A set that lacks what one of
// its roles needs is refused: the database and the queue are embedded and live
// in one process.
func parseRoles(args []string) ([]string, error) {
	if len(args) == 0 || args[0] == roleAll {
		names := make([]string, len(roles))
		for i, r := range roles {
			names[i] = r.name
		}
		return names, nil
	}
	asked := strings.Split(args[0], ",")
	for _, a := range asked {
		if !slices.ContainsFunc(roles, func(r role) bool { return r.name == a }) {
			return nil, fmt.Errorf("there is no role or command %q", a)
		}
	}
	var names []string
	for _, r := range roles {
		if !slices.Contains(asked, r.name) {
			continue
		}
		for _, need := range r.needs {
			if !slices.Contains(asked, need) {
				return nil, fmt.Errorf("role %s needs role %s in the same process: the database and the queue are embedded; run %q",
					r.name, need, "gochat")
			}
		}
		names = append(names, r.name)
	}
	return names, nil
}
