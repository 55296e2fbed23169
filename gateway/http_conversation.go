package gateway

import (
	"fmt"
	"net/http"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type conversationPage struct {
	Conversations []conversationView `json:"conversations"`
	NextCursor    string             `json:"nextCursor,omitempty"`
}

type historyPage struct {
	Messages []contracts.MessageData `json:"messages"`
	LastSeq  uint64                  `json:"lastSeq"`
	HasMore  bool                    `json:"hasMore"`
}

type readView struct {
	ReadSeq uint64 `json:"readSeq"`
	Unread  uint64 `json:"unread"`
}

type syncPage struct {
	// Epoch is missing while a repo role of an older release answers.
	Epoch         string       `json:"epoch,omitempty"`
	Conversations []syncedView `json:"conversations"`
	More          bool         `json:"more"`
}

type syncedView struct {
	ConversationID string                  `json:"conversationId"`
	LastSeq        uint64                  `json:"lastSeq"`
	ReadSeq        uint64                  `json:"readSeq"`
	Messages       []contracts.MessageData `json:"messages"`
	HasMore        bool                    `json:"hasMore"`
	Reset          bool                    `json:"reset,omitempty"`
}

// conversationRoutes are the calls of conversations, their messages, receipts and changes.
func (g *Gateway) conversationRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/conversations", scope: scopeUser, handle: g.createConversation},
		{method: http.MethodGet, path: "/api/conversations", scope: scopeUser, handle: g.listConversations},
		{method: http.MethodGet, path: "/api/conversations/:id", scope: scopeUser, handle: g.conversation},
		{method: http.MethodGet, path: "/api/conversations/:id/messages", scope: scopeUser, handle: g.history},
		{method: http.MethodPost, path: "/api/conversations/:id/read", scope: scopeUser, handle: g.readConversation},
		{method: http.MethodGet, path: "/api/conversations/:id/messages/:seqId/readers", scope: scopeUser, handle: g.listReaders},
		{method: http.MethodPost, path: "/api/conversations/:id/messages/:seqId/changes", scope: scopeUser, handle: g.changeOverHTTP},
		{method: http.MethodPost, path: "/api/sync", scope: scopeUser, handle: g.sync},
	}
}

func (g *Gateway) createConversation(r *caller) error {
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	text := b.required("peerId")
	peer, bad := contracts.ParseUserID(text)
	if text != "" && bad != nil {
		b.bad("peerId", "a user id in decimal digits")
	}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Conversations.CreateSingle(r.ctx, &pb.CreateSingleRequest{CallerId: r.user, PeerId: int64(peer)})
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewConversation(resp.GetConversation()))
}

func (g *Gateway) listConversations(r *caller) error {
	cursor, err := queryText(r.Ctx, "cursor")
	if err != nil {
		return err
	}
	q := query{get: func(name string) string { return r.Query(name) }}
	req := &pb.ConversationServiceListRequest{
		CallerId: r.user, Cursor: cursor, Limit: q.limit("limit", g.tuned().limits.HistoryMax),
	}
	if err := q.err(); err != nil {
		return err
	}
	resp, err := g.deps.Conversations.List(r.ctx, req)
	if err != nil {
		return err
	}
	page := conversationPage{
		Conversations: make([]conversationView, 0, len(resp.GetConversations())), NextCursor: resp.GetNextCursor(),
	}
	for _, c := range resp.GetConversations() {
		page.Conversations = append(page.Conversations, viewConversation(c))
	}
	return answer(r.Ctx, http.StatusOK, page)
}

// conversationID returns the id in the path. Nothing can exist under a malformed one.
func (r *caller) conversationID() (string, error) {
	id := r.Params("id")
	if !contracts.ConversationID(id).Valid() {
		return "", contracts.NewError(contracts.CodeNotFound, "There is no such conversation.")
	}
	return id, nil
}

func (g *Gateway) conversation(r *caller) error {
	id, err := r.conversationID()
	if err != nil {
		return err
	}
	resp, err := g.deps.Conversations.Get(r.ctx, &pb.ConversationServiceGetRequest{CallerId: r.user, ConversationId: id})
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, viewConversation(resp.GetConversation()))
}

func (g *Gateway) history(r *caller) error {
	id, err := r.conversationID()
	if err != nil {
		return err
	}
	q := query{get: func(name string) string { return r.Query(name) }}
	req := &pb.ListMessagesRequest{
		CallerId: r.user, ConversationId: id, AfterSeq: q.count("afterSeq"), BeforeSeq: q.count("beforeSeq"),
		Limit: q.limit("limit", g.tuned().limits.HistoryMax),
	}
	if err := q.err(); err != nil {
		return err
	}
	resp, err := g.deps.Messages.ListMessages(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, historyPage{
		Messages: viewMessages(resp.GetMessages()), LastSeq: resp.GetLastSeq(), HasMore: resp.GetHasMore(),
	})
}

func (g *Gateway) readConversation(r *caller) error {
	id, err := r.conversationID()
	if err != nil {
		return err
	}
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	seq := b.requiredCount("seqId")
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Conversations.Read(r.ctx, &pb.ReadRequest{CallerId: r.user, ConversationId: id, SeqId: seq})
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, readView{ReadSeq: resp.GetReadSeq(), Unread: resp.GetUnread()})
}

func (g *Gateway) sync(r *caller) error {
	b, err := parseBody(r.Body())
	if err != nil {
		return err
	}
	req := &pb.SyncAllRequest{
		CallerId: r.user, Have: b.counts("conversations", g.tuned().limits.SyncConversations),
		Limit: b.limit("limit", g.tuned().limits.HistoryMax), Epoch: b.plain("epoch"),
	}
	if len(req.GetEpoch()) > contracts.EpochMax {
		b.bad("epoch", fmt.Sprintf("the epoch of a former answer, at most %d characters", contracts.EpochMax))
	}
	if err := b.err(); err != nil {
		return err
	}
	resp, err := g.deps.Conversations.SyncAll(r.ctx, req)
	if err != nil {
		return err
	}
	page := syncPage{
		Epoch: resp.GetEpoch(), Conversations: make([]syncedView, 0, len(resp.GetConversations())), More: resp.GetMore(),
	}
	for _, c := range resp.GetConversations() {
		page.Conversations = append(page.Conversations, syncedView{
			ConversationID: c.GetConversationId(), LastSeq: c.GetLastSeq(), ReadSeq: c.GetReadSeq(),
			Messages: viewMessages(c.GetMessages()), HasMore: c.GetHasMore(), Reset: c.GetReset_(),
		})
	}
	return answer(r.Ctx, http.StatusOK, page)
}
