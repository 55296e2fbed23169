package group

import (
	"slices"

	"github.com/gochat/gochat/contracts"
)

// operation is what a caller wants to do in a group.
type operation string

// The operations.
const (
	opRead     operation = "read"
	opList     operation = "list members"
	opUpdate   operation = "update"
	opDissolve operation = "dissolve"
	opAdd      operation = "add members"
	opJoin     operation = "join"
	opLeave    operation = "leave"
	opRemove   operation = "remove a member"
	opSetRole  operation = "set a role"
)

const (
	owner  = contracts.RoleOwner
	admin  = contracts.RoleAdmin
	member = contracts.RoleMember
)

// rule says who may do something.
type rule struct {
	// roles may do the operation in any group, openRoles only where the join policy is open. outsiders: where
	// it is open, users who are not in the group may do it too.
	roles     []string
	openRoles []string
	outsiders bool
	// dissolved: the operation is allowed in a dissolved group too.
	dissolved bool
}

// rules is the one table of permissions. The store checks its roles again in the transaction
// that makes the change.
var rules = map[operation]rule{
	opRead:     {roles: []string{owner, admin, member}},
	opList:     {roles: []string{owner, admin, member}},
	opUpdate:   {roles: []string{owner, admin}},
	opDissolve: {roles: []string{owner}},
	opAdd:      {roles: []string{owner, admin}, openRoles: []string{member}},
	opJoin:     {roles: []string{owner, admin, member}, outsiders: true},
	opLeave:    {roles: []string{owner, admin, member}, dissolved: true},
	opRemove:   {roles: []string{owner, admin}},
	opSetRole:  {roles: []string{owner}},
}

// leaving are the roles that may leave a group that is not dissolved, which always has an owner.
var leaving = []string{admin, member}

// removable are the roles that each role may remove.
var removable = map[string][]string{
	owner: {admin, member},
	admin: {member},
}

// allows judges a role, which is empty for outsiders: nil, permission_denied, or not_found for
// those who may not even know of the group.
func (r rule) allows(role string, open bool) *contracts.Error {
	switch {
	case role == "" && r.outsiders && open, slices.Contains(r.roles, role), open && slices.Contains(r.openRoles, role):
		return nil
	case role == "":
		return noSuchGroup(nil)
	}
	return contracts.NewError(contracts.CodePermissionDenied, "Your role in this group does not allow it.")
}
