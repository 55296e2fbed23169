package gateway

import (
	"net/http"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type memberPage struct {
	Members    []groupMemberView `json:"members"`
	NextCursor string            `json:"nextCursor,omitempty"`
}

type addedView struct {
	Added   []string `json:"added"`
	Already []string `json:"already"`
}

// groupRoutes are the calls of groups.
func (g *Gateway) groupRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/groups", scope: scopeUser, handle: g.createGroup},
		{method: http.MethodGet, path: "/api/groups/:group", scope: scopeUser, handle: g.group},
		{method: http.MethodPatch, path: "/api/groups/:group", scope: scopeUser, handle: g.updateGroup},
		{method: http.MethodDelete, path: "/api/groups/:group", scope: scopeUser, handle: g.dissolveGroup},
		{method: http.MethodGet, path: "/api/groups/:group/members", scope: scopeUser, handle: g.groupMembers},
		{method: http.MethodPost, path: "/api/groups/:group/members", scope: scopeUser, handle: g.addMembers},
		{method: http.MethodPost, path: "/api/groups/:group/join", scope: scopeUser, handle: g.joinGroup},
		{method: http.MethodDelete, path: "/api/groups/:group/members/:user", scope: scopeUser, handle: g.removeMember},
		{method: http.MethodPut, path: "/api/groups/:group/members/:user/role", scope: scopeUser, handle: g.setRole},
	}
}

// idList is never null in JSON.
func idList(ids []int64) []string { return append([]string{}, contracts.UserIDs(ids)...) }

// groupID returns the id in the path. Nothing can exist under a malformed one.
func (r *caller) groupID() (int64, error) {
	id, err := contracts.ParseGroupID(r.Params("group"))
	if err != nil {
		return 0, contracts.NewError(contracts.CodeNotFound, "There is no such group.")
	}
	return int64(id), nil
}

// groupAndUser returns the two ids in the path.
func (r *caller) groupAndUser() (group, user int64, err error) {
	if group, err = r.groupID(); err != nil {
		return 0, 0, err
	}
	id, err := contracts.ParseUserID(r.Params("user"))
	if err != nil {
		return 0, 0, contracts.NewError(contracts.CodeNotFound, "There is no such member.")
	}
	return group, int64(id), nil
}

func (g *Gateway) createGroup(r *caller) error {
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.CreateGroupRequest{
		CallerId: r.user, Name: b.required("name"), MemberIds: b.userIDs("memberIds", g.tuned().limits.GroupAddMax),
	}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Groups.CreateGroup(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusCreated, viewGroup(resp.GetGroup()))
}

func (g *Gateway) group(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	resp, err := g.deps.Groups.GetGroup(r.ctx, &pb.GetGroupRequest{CallerId: r.user, GroupId: id})
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewGroup(resp.GetGroup()))
}

func (g *Gateway) updateGroup(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.UpdateGroupRequest{
		CallerId: r.user, GroupId: id, Name: b.optional("name"), Announcement: b.optional("announcement"), JoinPolicy: b.optional("joinPolicy"),
	}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Groups.UpdateGroup(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewGroup(resp.GetGroup()))
}

func (g *Gateway) dissolveGroup(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	if _, err := g.deps.Groups.DissolveGroup(r.ctx, &pb.DissolveGroupRequest{CallerId: r.user, GroupId: id}); err != nil {
		return err
	}
	return r.SendStatus(http.StatusNoContent)
}

func (g *Gateway) groupMembers(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	cursor, err := queryText(r.Ctx, "cursor")
	if err != nil {
		return err
	}
	q := query{get: func(name string) string { return r.Query(name) }}
	req := &pb.ListMembersRequest{CallerId: r.user, GroupId: id, Cursor: cursor, Limit: q.limit("limit", g.tuned().limits.HistoryMax)}
	if err := q.err(); err != nil {
		return err
	}
	resp, err := g.deps.Groups.ListMembers(r.ctx, req)
	if err != nil {
		return err
	}
	page := memberPage{Members: make([]groupMemberView, 0, len(resp.GetMembers())), NextCursor: resp.GetNextCursor()}
	for _, m := range resp.GetMembers() {
		page.Members = append(page.Members, viewMember(m))
	}
	return answer(r.Ctx, http.StatusOK, page)
}

func (g *Gateway) addMembers(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.AddMembersRequest{CallerId: r.user, GroupId: id, UserIds: b.requiredUserIDs("userIds", 1, g.tuned().limits.GroupAddMax)}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Groups.AddMembers(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, addedView{Added: idList(resp.GetAdded()), Already: idList(resp.GetAlready())})
}

func (g *Gateway) joinGroup(r *caller) error {
	id, err := r.groupID()
	if err != nil {
		return err
	}
	resp, err := g.deps.Groups.JoinGroup(r.ctx, &pb.JoinGroupRequest{CallerId: r.user, GroupId: id})
	if err != nil {
		return err
	}
	v := addedView{Added: []string{}, Already: []string{}}
	if me := contracts.UserID(r.user).String(); resp.GetAdded() {
		v.Added = append(v.Added, me)
	} else {
		v.Already = append(v.Already, me)
	}
	return answer(r.Ctx, http.StatusOK, v)
}

func (g *Gateway) removeMember(r *caller) error {
	group, user, err := r.groupAndUser()
	if err != nil {
		return err
	}
	if _, err := g.deps.Groups.RemoveMember(r.ctx, &pb.RemoveMemberRequest{CallerId: r.user, GroupId: group, UserId: user}); err != nil {
		return err
	}
	return r.SendStatus(http.StatusNoContent)
}

func (g *Gateway) setRole(r *caller) error {
	group, user, err := r.groupAndUser()
	if err != nil {
		return err
	}
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.SetRoleRequest{CallerId: r.user, GroupId: group, UserId: user, Role: b.required("role")}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Groups.SetRole(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewMember(resp.GetMember()))
}
