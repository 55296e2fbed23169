package gateway

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type deviceView struct {
	DeviceID   string `json:"deviceId"`
	Online     bool   `json:"online"`
	LastSeenAt int64  `json:"lastSeenAt"`
}

type devicesView struct {
	Devices []deviceView `json:"devices"`
}

// deviceRoutes are the calls of devices and of who is online.
func (g *Gateway) deviceRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/devices", scope: scopeUser, handle: g.listDevices},
		{method: http.MethodDelete, path: "/api/devices/:deviceId", scope: scopeUser, handle: g.revokeDevice},
		{method: http.MethodGet, path: "/api/presence", scope: scopeUser, handle: g.presenceOf},
	}
}

func (g *Gateway) listDevices(r *caller) error {
	resp, err := g.deps.Devices.ListDevices(r.ctx, &pb.ListDevicesRequest{CallerId: r.user})
	if err != nil {
		return err
	}
	out := devicesView{Devices: make([]deviceView, len(resp.GetDevices()))}
	for i, d := range resp.GetDevices() {
		out.Devices[i] = deviceView{DeviceID: d.GetDeviceId(), Online: d.GetOnline(), LastSeenAt: d.GetLastSeenAt()}
	}
	return answer(r.Ctx, http.StatusOK, out)
}

func (g *Gateway) revokeDevice(r *caller) error {
	id := r.Params("deviceId")
	if id == "" || utf8.RuneCountInString(id) > g.tuned().limits.DeviceIDMax {
		return contracts.NewError(contracts.CodeNotFound, "There is no such device.")
	}
	if _, err := g.deps.Devices.RevokeDevice(r.ctx, &pb.RevokeDeviceRequest{CallerId: r.user, DeviceId: id}); err != nil {
		return err
	}
	return r.SendStatus(http.StatusNoContent)
}

type readerView struct {
	UserID  string `json:"userId"`
	ReadSeq uint64 `json:"readSeq"`
}

type readersView struct {
	ReadCount      int64        `json:"readCount"`
	DeliveredCount int64        `json:"deliveredCount"`
	MemberCount    int64        `json:"memberCount"`
	Readers        []readerView `json:"readers"`
	NextCursor     string       `json:"nextCursor,omitempty"`
}

func (g *Gateway) listReaders(r *caller) error {
	id, err := r.conversationID()
	if err != nil {
		return err
	}
	seq, err := r.messageSeq()
	if err != nil {
		return err
	}
	cursor, err := queryText(r.Ctx, "cursor")
	if err != nil {
		return err
	}
	q := query{get: func(name string) string { return r.Query(name) }}
	limit := q.limit("limit", contracts.ReadersMax)
	if err := q.err(); err != nil {
		return err
	}
	resp, err := g.deps.Receipts.ListReaders(r.ctx, &pb.ListReadersRequest{
		CallerId: r.user, ConversationId: id, SeqId: seq, Cursor: cursor, Limit: limit,
	})
	if err != nil {
		return err
	}
	out := readersView{
		ReadCount: resp.GetReadCount(), DeliveredCount: resp.GetDeliveredCount(), MemberCount: resp.GetMemberCount(),
		Readers: make([]readerView, len(resp.GetReaders())), NextCursor: resp.GetNextCursor(),
	}
	for i, one := range resp.GetReaders() {
		out.Readers[i] = readerView{UserID: contracts.UserID(one.GetUserId()).String(), ReadSeq: one.GetReadSeq()}
	}
	return answer(r.Ctx, http.StatusOK, out)
}

type presenceView struct {
	Presence []contracts.PresenceData `json:"presence"`
}

func (g *Gateway) presenceOf(r *caller) error {
	text, err := queryText(r.Ctx, "userIds")
	if err != nil {
		return err
	}
	ids, ok := parseUserIDs(strings.Split(text, ","), contracts.PresenceMax)
	if !ok {
		return contracts.Invalid("userIds", userListText(contracts.PresenceMax)+", with commas")
	}
	resp, err := g.deps.Presence.GetPresence(r.ctx, &pb.GetPresenceRequest{CallerId: r.user, UserIds: ids})
	if err != nil {
		return err
	}
	out := presenceView{Presence: make([]contracts.PresenceData, len(resp.GetPresence()))}
	for i, p := range resp.GetPresence() {
		if p.GetUnknown() {
			return contracts.NewError(contracts.CodeUnavailable, "Presence is not known right now; try again.")
		}
		out.Presence[i] = contracts.PresenceData{
			UserID: contracts.UserID(p.GetUserId()).String(), Online: p.GetOnline(), LastSeenAt: p.GetLastSeenAt(),
		}
	}
	return answer(r.Ctx, http.StatusOK, out)
}
