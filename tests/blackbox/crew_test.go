package blackbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// crew is a group with a user for each place: owner, admin, member, removed member, outsider.
type crew struct {
	t                                       *testing.T
	id, conv                                string
	owner, admin, member, removed, outsider *user
}

func (u *user) group(name string, members ...*user) (id, conv string) {
	u.t.Helper()
	ids := []string{}
	for _, m := range members {
		ids = append(ids, m.id)
	}
	a := u.post("/api/groups", obj{"name": name, "memberIds": ids})
	require.Equal(u.t, 201, a.Status, "%s", a.Raw)
	return a.Body["groupId"].(string), a.Body["conversationId"].(string)
}

func (u *user) send(method, path string, body any) answer {
	u.t.Helper()
	if body == nil {
		return call(u.t, method, path, u.token, nil)
	}
	return call(u.t, method, path, u.token, enc(body))
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	c := &crew{t: t, owner: newUser(t), admin: newUser(t), member: newUser(t), removed: newUser(t), outsider: newUser(t)}
	c.id, c.conv = c.owner.group("crew", c.admin, c.member, c.removed)
	c.ok(200, c.owner.send("PUT", c.path("/members/"+c.admin.id+"/role"), obj{"role": "admin"}))
	c.ok(200, c.removed.say(obj{"conversationId": c.conv}, "before", "before"))
	c.ok(204, c.owner.send("DELETE", c.path("/members/"+c.removed.id), nil))
	return c
}

func (c *crew) path(rest string) string { return "/api/groups/" + c.id + rest }

func (c *crew) ok(status int, a answer) answer {
	c.t.Helper()
	require.Equal(c.t, status, a.Status, "%s", a.Raw)
	return a
}

// state returns everything of the group that a refused call might have changed.
func (c *crew) state() string {
	c.t.Helper()
	out := ""
	for _, path := range []string{c.path(""), c.path("/members?limit=200"), "/api/conversations/" + c.conv + "/messages?afterSeq=0&limit=200"} {
		out += string(c.ok(200, c.owner.get(path)).Raw)
	}
	return out
}
