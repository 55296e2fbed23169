package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// role is a part of GoChat that can run on its own or with others in one
// process: a row of the table in roles(). Its start is in the file role_NAME.go.
type role struct {
	name string
	does string
	// needs are the resources that the role uses.
	needs need
	// calls names the roles whose services this role calls.
	calls []string
	// provides are the services of this role; other processes route calls to it by this list.
	// mount registers them, once the role has started.
	provides []*grpc.ServiceDesc
	mount    func(*App, grpc.ServiceRegistrar)
	// optional: the other roles work without this one, so it may be missing in a system.
	optional bool
	begins   phase
	start    func(*App, context.Context) error
}

// need is a set of resources that a role uses, as bits.
type need uint8

const (
	needsStore  need = 1 << iota // the database and the cache
	needsKeys                    // the keys that sign tokens
	needsIDs                     // new ids
	needsQueue                   // the message queue, to publish or to read
	needsOutbox                  // an outbox, whose name no other process has
)

// phase is the part of a process's start in which a role starts. Within a phase the table's order holds.
type phase int

const (
	beforeQueue    phase = iota // the role does not use the queue
	beforeServices              // other processes can call the role after this phase
	afterServices               // the role can call the services of all roles
)

// The roles' names.
const (
	roleAll     = "all"
	RoleRepo    = "repo"
	RoleLogic   = "logic"
	RoleMessage = "message"
	RoleFanout  = "fanout"
	RoleFeed    = "feed"
	RoleJanitor = "janitor"
	RoleGateway = "gateway"
)

// roles returns the one table of roles, in the order in which they start and are named.
func roles() roleSet {
	return roleSet{
		{
			name: RoleRepo, does: "storage: the only role that uses the database and the cache",
			needs: needsStore, begins: beforeQueue, start: (*App).startRepo,
			mount: (*App).mountRepo, provides: []*grpc.ServiceDesc{
				&pb.MessageRepo_ServiceDesc, &pb.ConversationRepo_ServiceDesc, &pb.UserRepo_ServiceDesc, &pb.GroupRepo_ServiceDesc,
				&pb.SessionRepo_ServiceDesc, &pb.FeedRepo_ServiceDesc, &pb.SearchRepo_ServiceDesc, &pb.LimitRepo_ServiceDesc,
				&pb.DeviceRepo_ServiceDesc, &pb.ReceiptRepo_ServiceDesc, &pb.PresenceRepo_ServiceDesc, &pb.PoisonRepo_ServiceDesc,
				&pb.RetentionRepo_ServiceDesc,
			},
		},
		{
			name: RoleLogic, does: "accounts, conversations, history: the business rules",
			needs: needsKeys | needsIDs | needsQueue | needsOutbox, calls: []string{RoleRepo},
			begins: beforeServices, start: (*App).startLogic,
			mount: (*App).mountLogic, provides: []*grpc.ServiceDesc{
				&pb.AuthService_ServiceDesc, &pb.UserService_ServiceDesc, &pb.ConversationService_ServiceDesc,
				&pb.MessageService_ServiceDesc, &pb.GroupService_ServiceDesc, &pb.SearchService_ServiceDesc,
				&pb.DeviceService_ServiceDesc, &pb.ReceiptService_ServiceDesc, &pb.PresenceService_ServiceDesc,
			},
		},
		{
			name: RoleMessage, does: "the message pipeline: number, store, deliver",
			needs: needsIDs | needsQueue | needsOutbox, calls: []string{RoleRepo},
			begins: afterServices, start: (*App).startMessage,
		},
		{
			name: RoleFanout, does: "delivery to large groups",
			needs: needsQueue | needsOutbox, calls: []string{RoleRepo},
			begins: afterServices, start: (*App).startFanout,
		},
		{
			name: RoleFeed, does: "follows stored messages: webhooks, the search index",
			needs: needsQueue, calls: []string{RoleRepo}, optional: true,
			begins: afterServices, start: (*App).startFeed,
		},
		{
			name: RoleJanitor, does: "what one process does for all: topics of dead gateways, retention, poisoned records",
			needs: needsQueue | needsOutbox, calls: []string{RoleRepo}, optional: true,
			begins: afterServices, start: (*App).startJanitor,
		},
		{
			name: RoleGateway, does: "HTTP and WebSocket for clients, and the web client",
			needs: needsQueue, calls: []string{RoleRepo, RoleLogic},
			begins: afterServices, start: (*App).startGateway,
		},
	}
}

// roleSet is some rows of the table, in its order.
type roleSet []role

// rolesOf returns the rows of some names, in the table's order; unknown names are left out.
func rolesOf(names []string) roleSet {
	return slices.DeleteFunc(roles(), func(r role) bool { return !slices.Contains(names, r.name) })
}

func (s roleSet) names() []string {
	out := make([]string, 0, len(s))
	for _, r := range s {
		out = append(out, r.name)
	}
	return out
}

func (s roleSet) has(name string) bool {
	return slices.ContainsFunc(s, func(r role) bool { return r.name == name })
}

// whole reports whether the set has every role.
func (s roleSet) whole() bool { return len(s) == len(roles()) }

// need reports whether a role of the set uses one of some resources.
func (s roleSet) need(what need) bool {
	return slices.ContainsFunc(s, func(r role) bool { return r.needs&what != 0 })
}

// call reports whether a role of the set calls services of the named role.
func (s roleSet) call(name string) bool {
	return slices.ContainsFunc(s, func(r role) bool { return slices.Contains(r.calls, name) })
}

// providers returns the roles of the set that provide services.
func (s roleSet) providers() roleSet {
	return slices.DeleteFunc(slices.Clone(s), func(r role) bool { return len(r.provides) == 0 })
}

// RoleHelp returns the roles with a line each, for the help of the command line.
func RoleHelp() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %-9s every role in this process\n", roleAll)
	for _, r := range roles() {
		fmt.Fprintf(&b, "    %-9s %s\n", r.name, r.does)
	}
	return b.String()
}

// ParseRoles reads the roles from args[0], "all" or a list with commas, and returns them in the order in which
// they start. Without args it returns all. An unknown role is an error.
func ParseRoles(args []string) ([]string, error) {
	if len(args) == 0 || args[0] == roleAll {
		return roles().names(), nil
	}
	asked := strings.Split(args[0], ",")
	for _, a := range asked {
		if !roles().has(a) {
			return nil, fmt.Errorf("there is no role or command %q", a)
		}
	}
	return rolesOf(asked).names(), nil
}
