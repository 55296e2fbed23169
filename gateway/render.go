package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/obs"
)

type userView struct {
	UserID    string `json:"userId"`
	Username  string `json:"username"`
	Nickname  string `json:"nickname"`
	AvatarURL string `json:"avatarUrl"`
	CreatedAt int64  `json:"createdAt"`
}

type grantView struct {
	Token     string    `json:"token"`
	ExpiresAt int64     `json:"expiresAt"`
	User      *userView `json:"user"`
}

type groupView struct {
	GroupID        string `json:"groupId"`
	ConversationID string `json:"conversationId"`
	Name           string `json:"name"`
	Announcement   string `json:"announcement"`
	OwnerID        string `json:"ownerId"`
	MemberCount    int64  `json:"memberCount"`
	JoinPolicy     string `json:"joinPolicy"`
	CreatedAt      int64  `json:"createdAt"`
	DissolvedAt    int64  `json:"dissolvedAt,omitempty"`
}

type groupMemberView struct {
	UserID   string `json:"userId"`
	Role     string `json:"role"`
	Nickname string `json:"nickname"`
	JoinedAt int64  `json:"joinedAt"`
}

type conversationView struct {
	ConversationID string                 `json:"conversationId"`
	Type           string                 `json:"type"`
	Peer           *userView              `json:"peer,omitempty"`
	Group          *groupView             `json:"group,omitempty"`
	LastSeq        uint64                 `json:"lastSeq"`
	ReadSeq        uint64                 `json:"readSeq"`
	Unread         uint64                 `json:"unread"`
	PeerReadSeq    *uint64                `json:"peerReadSeq,omitempty"`
	PeerDelivered  *uint64                `json:"peerDeliveredSeq,omitempty"`
	LastMessage    *contracts.MessageData `json:"lastMessage,omitempty"`
	LastMessageAt  int64                  `json:"lastMessageAt"`
}

type errorView struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    contracts.Code    `json:"code"`
	Message string            `json:"message"`
	TraceID string            `json:"traceId"`
	Fields  map[string]string `json:"fields,omitempty"`
}

func viewUser(u *pb.User) *userView {
	if u == nil {
		return nil
	}
	return &userView{
		UserID: contracts.UserID(u.GetUserId()).String(), Username: u.GetUsername(), Nickname: u.GetNickname(),
		AvatarURL: u.GetAvatarUrl(), CreatedAt: u.GetCreatedAt(),
	}
}

func viewGrant(g *pb.Grant) grantView {
	return grantView{Token: g.GetToken(), ExpiresAt: g.GetExpiresAt(), User: viewUser(g.GetUser())}
}

func viewGroup(g *pb.Group) *groupView {
	if g == nil {
		return nil
	}
	return &groupView{
		GroupID: contracts.GroupID(g.GetGroupId()).String(), ConversationID: g.GetConversationId(), Name: g.GetName(),
		Announcement: g.GetAnnouncement(), OwnerID: contracts.UserID(g.GetOwnerId()).String(),
		MemberCount: g.GetMemberCount(), JoinPolicy: g.GetJoinPolicy(), CreatedAt: g.GetCreatedAt(), DissolvedAt: g.GetDissolvedAt(),
	}
}

func viewMember(m *pb.GroupMember) groupMemberView {
	return groupMemberView{
		UserID: contracts.UserID(m.GetUserId()).String(), Role: m.GetRole(), Nickname: m.GetNickname(), JoinedAt: m.GetJoinedAt(),
	}
}

var conversationTypes = map[pb.ConversationType]string{
	pb.ConversationType_CONVERSATION_TYPE_SINGLE: "single",
	pb.ConversationType_CONVERSATION_TYPE_GROUP:  "group",
	pb.ConversationType_CONVERSATION_TYPE_WORLD:  "world",
}

func viewConversation(c *pb.Conversation) conversationView {
	// What was before the member joined counts as read.
	read := max(c.GetReadSeq(), c.GetJoinSeq())
	v := conversationView{
		ConversationID: c.GetConversationId(), Type: conversationTypes[c.GetType()],
		Peer: viewUser(c.GetPeer()), Group: viewGroup(c.GetGroup()),
		LastSeq: c.GetLastSeq(), ReadSeq: read, LastMessageAt: c.GetLastMessageAt(),
	}
	switch {
	case c.Unread != nil:
		v.Unread = c.GetUnread()
	case c.GetLastSeq() > read: // a repo role of an older release does not count unread
		v.Unread = c.GetLastSeq() - read
	}
	if c.GetType() == pb.ConversationType_CONVERSATION_TYPE_SINGLE {
		v.PeerReadSeq, v.PeerDelivered = &c.PeerReadSeq, &c.PeerDeliveredSeq
	}
	if c.GetLastMessage() != nil {
		m := contracts.NewMessageData(c.GetLastMessage())
		v.LastMessage = &m
	}
	return v
}

func viewMessages(ms []*pb.Message) []contracts.MessageData {
	out := make([]contracts.MessageData, len(ms)) // never null in JSON
	for i, m := range ms {
		out[i] = contracts.NewMessageData(m)
	}
	return out
}

// answer sends v as JSON.
func answer(c *fiber.Ctx, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return answerJSON(c, status, text)
}

func answerJSON(c *fiber.Ctx, status int, text []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	return c.Status(status).Send(text)
}

// fail is Fiber's error handler: it renders every error in the contract's form.
func (g *Gateway) fail(c *fiber.Ctx, err error) error {
	g.prepare(c) // errors of the server itself come without a middleware before them
	e := clientError(err)
	status := e.Code.Spec().HTTP
	if status >= http.StatusInternalServerError {
		g.log.Log(severity(e), "an HTTP request failed", append(about(c),
			zap.String("method", knownMethod(c.Method())), zap.String("route", strings.Clone(c.Route().Path)), zap.Error(err))...)
	} else if line := g.log.Check(zap.DebugLevel, "an HTTP request was refused"); line != nil {
		line.Write(append(about(c),
			zap.String("method", knownMethod(c.Method())), zap.String("route", strings.Clone(c.Route().Path)),
			zap.Int("status", status), zap.String("code", string(e.Code)), zap.String("why", e.Message))...)
	}
	if e.RetryAfterSeconds > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(e.RetryAfterSeconds))
	} else if e.Code == contracts.CodeRateLimited {
		c.Set(fiber.HeaderRetryAfter, "1")
	}
	return answer(c, status, errorView{errorDetail{
		Code: e.Code, Message: e.Message, TraceID: traceID(c), Fields: e.Fields,
	}})
}

// clientError turns an error of a service, of Fiber or of fasthttp into one for clients.
func clientError(err error) *contracts.Error {
	var f *fiber.Error
	if !errors.As(err, &f) {
		return contracts.AsError(err)
	}
	switch f.Code {
	case http.StatusNotFound:
		return contracts.NewError(contracts.CodeNotFound, "").WithCause(err)
	case http.StatusMethodNotAllowed: // Fiber has set Allow
		return contracts.NewError(contracts.CodeMethodNotAllowed, "").WithCause(err)
	case http.StatusRequestEntityTooLarge:
		return contracts.NewError(contracts.CodePayloadTooLarge, "").WithCause(err)
	case http.StatusRequestHeaderFieldsTooLarge:
		return contracts.NewError(contracts.CodeHeadersTooLarge, "").WithCause(err)
	case http.StatusInternalServerError:
		return contracts.NewError(contracts.CodeInternal, "").WithCause(err)
	}
	return contracts.NewError(contracts.CodeInvalidArgument, "").WithCause(err)
}

// severity returns the level at which a failure is logged. An absent dependency is a warning: its own check reports it
// once, and all requests meanwhile fail alike.
func severity(e *contracts.Error) zapcore.Level {
	if e.Code == contracts.CodeUnavailable {
		return zapcore.WarnLevel
	}
	return zapcore.ErrorLevel
}

// begin begins the trace of one frame, whose id is in all log lines about the frame, here and in services. The caller
// calls end.
func (c *conn) begin(name string) (ctx context.Context, end func()) {
	ctx, span := c.g.tracer.Start(context.Background(), name, trace.WithSpanKind(trace.SpanKindServer))
	return obs.WithCaller(ctx, c.caller()), func() { span.End() }
}

// caller says on whose behalf the work for a frame is done; its request id is the connection id.
func (c *conn) caller() obs.Caller { return obs.Caller{Request: c.id, User: c.user} }

// told returns what the client is told of an error on its socket, and logs what is the
// server's own fault.
func (c *conn) told(ctx context.Context, err error, frame string) *contracts.Error {
	e := contracts.AsError(err)
	if e.Code.Spec().HTTP >= http.StatusInternalServerError {
		trace.SpanFromContext(ctx).SetStatus(codes.Error, string(e.Code))
		c.g.log.Log(severity(e), "a frame failed", append(obs.Fields(ctx), zap.String("frame", frame), zap.Error(err))...)
	}
	return e
}

// noteRefused logs at debug that a frame was refused. The client has no trace id of a frame: the line is found by the
// user and by ref, which is the frame's tempMessageId or type.
func (c *conn) noteRefused(e *contracts.Error, ref string) {
	if c.g.tuned().limits.CheckTempMessageID(ref) != "" {
		ref = "" // it could be any text of the client
	}
	if line := c.g.log.Check(zap.DebugLevel, "a frame was refused"); line != nil {
		line.Write(zap.String(obs.FieldRequest, c.id), zap.Int64(obs.FieldUser, c.user), zap.String("ref", ref),
			zap.String("code", string(e.Code)), zap.String("why", e.Message))
	}
}

func rateLimited(retryAfter int) error {
	e := contracts.NewError(contracts.CodeRateLimited, "")
	e.RetryAfterSeconds = retryAfter
	return e
}
