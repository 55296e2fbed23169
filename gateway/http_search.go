package gateway

import (
	"net/http"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type searchPage struct {
	Messages   []contracts.MessageData `json:"messages"`
	NextCursor string                  `json:"nextCursor,omitempty"`
}

// searchRoutes are the calls that find messages.
func (g *Gateway) searchRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/search", scope: scopeUser, handle: g.search},
	}
}

func (g *Gateway) search(r *caller) error {
	var text [3]string
	for i, name := range []string{"q", "conversationId", "cursor"} {
		var err error
		if text[i], err = queryText(r.Ctx, name); err != nil {
			return err
		}
	}
	q := query{get: func(name string) string { return r.Query(name) }}
	req := &pb.SearchRequest{
		CallerId: r.user, Query: text[0], ConversationId: text[1], Cursor: text[2], Limit: q.limit("limit", contracts.SearchLimitMax),
	}
	if err := q.err(); err != nil {
		return err
	}
	resp, err := g.deps.Search.Search(r.ctx, req)
	if err != nil {
		return err
	}
	return answer(r.Ctx, http.StatusOK, searchPage{Messages: viewMessages(resp.GetMessages()), NextCursor: resp.GetNextCursor()})
}
