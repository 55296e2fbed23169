package gateway

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// userRoutes are the calls of accounts.
func (g *Gateway) userRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/auth/register", scope: scopePublic, limit: g.limitAuth, handle: plain(g.register)},
		{method: http.MethodPost, path: "/api/auth/login", scope: scopePublic, limit: g.limitAuth, handle: plain(g.login)},
		{method: http.MethodPost, path: "/api/auth/logout", scope: scopeToken, handle: plain(g.logout)},
		{method: http.MethodGet, path: "/api/users/me", scope: scopeUser, handle: g.me},
		{method: http.MethodPatch, path: "/api/users/me", scope: scopeUser, handle: g.updateMe},
		{method: http.MethodGet, path: "/api/users/:userId", scope: scopeUser, handle: g.user},
		{method: http.MethodGet, path: "/api/users", scope: scopeUser, handle: g.findUser},
	}
}

func (g *Gateway) register(c *fiber.Ctx) error {
	b, err := parseBody(rawBody(c))
	if err != nil {
		return err
	}
	req := &pb.RegisterRequest{Username: b.required("username"), Password: b.required("password"), Nickname: b.plain("nickname"), Address: addressText(g.address(c))}
	if given := b.optional("nickname"); given != nil && *given == "" { // to the service, "" means no nickname
		b.bad("nickname", g.tuned().limits.CheckNickname(""))
	}
	if err := b.err(); err != nil {
		return err
	}
	ctx, cancel := g.rpc(c.UserContext())
	defer cancel()
	resp, err := g.deps.Auth.Register(ctx, req)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, viewGrant(resp.GetGrant()))
}

func (g *Gateway) login(c *fiber.Ctx) error {
	b, err := parseBody(rawBody(c))
	if err != nil {
		return err
	}
	req := &pb.LoginRequest{Username: b.required("username"), Password: b.required("password"), Address: addressText(g.address(c))}
	if err := b.err(); err != nil {
		return err
	}
	ctx, cancel := g.rpc(c.UserContext())
	defer cancel()
	resp, err := g.deps.Auth.Login(ctx, req)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, viewGrant(resp.GetGrant()))
}

// logout hands the token on unchecked: the service checks it, and for a token that is revoked already it closes the
// sockets once more. The body is optional.
func (g *Gateway) logout(c *fiber.Ctx) error {
	token := bearer(c)
	if token == "" {
		return contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	everywhere := false
	if body := rawBody(c); len(body) > 0 {
		b, err := parseBody(body)
		if err != nil {
			return err
		}
		everywhere = b.flag("everywhere")
		if err := b.err(); err != nil {
			return err
		}
	}
	ctx, cancel := g.rpc(c.UserContext())
	defer cancel()
	if _, err := g.deps.Auth.Logout(ctx, &pb.LogoutRequest{Token: strings.Clone(token), Everywhere: everywhere}); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

func (g *Gateway) me(r *caller) error { return g.profile(r, r.user) }

func (g *Gateway) user(r *caller) error {
	id, err := contracts.ParseUserID(r.Params("userId"))
	if err != nil {
		return contracts.NewError(contracts.CodeNotFound, "")
	}
	return g.profile(r, int64(id))
}

func (g *Gateway) profile(r *caller, user int64) error {
	resp, err := g.deps.Users.GetProfile(r.ctx, &pb.GetProfileRequest{CallerId: r.user, UserId: user})
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewUser(resp.GetUser()))
}

func (g *Gateway) updateMe(r *caller) error {
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.UpdateProfileRequest{
		CallerId: r.user, Nickname: b.optional("nickname"), AvatarUrl: b.optional("avatarUrl"),
	}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Users.UpdateProfile(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewUser(resp.GetUser()))
}

func (g *Gateway) findUser(r *caller) error {
	name, err := queryText(r.Ctx, "username")
	if err != nil {
		return err
	}
	if name == "" {
		return contracts.Invalid("username", "a name is required")
	}
	resp, err := g.deps.Users.FindByName(r.ctx, &pb.FindByNameRequest{CallerId: r.user, Username: name})
	if err != nil {
		return err
	}
	users := make([]*userView, 0, len(resp.GetUsers()))
	for _, u := range resp.GetUsers() {
		users = append(users, viewUser(u))
	}
	return answer(r.Ctx, http.StatusOK, map[string]any{"users": users})
}
