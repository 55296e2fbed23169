package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func groupOf(id int64) *pb.Group {
	return &pb.Group{
		GroupId: id, ConversationId: string(contracts.GroupConversation(contracts.GroupID(id))), Name: "Nine", OwnerId: 7,
		MemberCount: 2, JoinPolicy: "invite", CreatedAt: 5,
	}
}

func (f *fakeLogic) CreateGroup(_ context.Context, in *pb.CreateGroupRequest, _ ...grpc.CallOption) (*pb.CreateGroupResponse, error) {
	return &pb.CreateGroupResponse{Group: groupOf(9)}, f.note(in)
}

func (f *fakeLogic) GetGroup(_ context.Context, in *pb.GetGroupRequest, _ ...grpc.CallOption) (*pb.GetGroupResponse, error) {
	return &pb.GetGroupResponse{Group: groupOf(in.GetGroupId())}, f.note(in)
}

func (f *fakeLogic) UpdateGroup(_ context.Context, in *pb.UpdateGroupRequest, _ ...grpc.CallOption) (*pb.UpdateGroupResponse, error) {
	return &pb.UpdateGroupResponse{Group: groupOf(in.GetGroupId())}, f.note(in)
}

func (f *fakeLogic) DissolveGroup(_ context.Context, in *pb.DissolveGroupRequest, _ ...grpc.CallOption) (*pb.DissolveGroupResponse, error) {
	return &pb.DissolveGroupResponse{}, f.note(in)
}

func (f *fakeLogic) ListMembers(_ context.Context, in *pb.ListMembersRequest, _ ...grpc.CallOption) (*pb.ListMembersResponse, error) {
	return &pb.ListMembersResponse{NextCursor: "8", Members: []*pb.GroupMember{{UserId: 8, Role: "admin", Nickname: "Bob", JoinedAt: 6}}}, f.note(in)
}

func (f *fakeLogic) AddMembers(_ context.Context, in *pb.AddMembersRequest, _ ...grpc.CallOption) (*pb.AddMembersResponse, error) {
	return &pb.AddMembersResponse{Added: in.GetUserIds()}, f.note(in)
}

func (f *fakeLogic) JoinGroup(_ context.Context, in *pb.JoinGroupRequest, _ ...grpc.CallOption) (*pb.JoinGroupResponse, error) {
	return &pb.JoinGroupResponse{Added: in.GetGroupId() == 9}, f.note(in)
}

func (f *fakeLogic) RemoveMember(_ context.Context, in *pb.RemoveMemberRequest, _ ...grpc.CallOption) (*pb.RemoveMemberResponse, error) {
	return &pb.RemoveMemberResponse{}, f.note(in)
}

func (f *fakeLogic) SetRole(_ context.Context, in *pb.SetRoleRequest, _ ...grpc.CallOption) (*pb.SetRoleResponse, error) {
	return &pb.SetRoleResponse{Member: &pb.GroupMember{UserId: in.GetUserId(), Role: in.GetRole(), JoinedAt: 6}}, f.note(in)
}

const groupJSON = `{"groupId":"9","conversationId":"group_9","name":"Nine","announcement":"","ownerId":"7","memberCount":2,"joinPolicy":"invite","createdAt":5}`

func TestGroupRoutes(t *testing.T) {
	h := start(t)
	name := "New"
	many := `["8"` + strings.Repeat(`,"8"`, 1000) + `]`
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string // JSON, or the error code
		field              string
		req                proto.Message // what the service is asked
	}{
		{"POST", "/api/groups", `{"name":"Nine","memberIds":["8","9"]}`, 201, groupJSON, "", &pb.CreateGroupRequest{CallerId: 7, Name: "Nine", MemberIds: []int64{8, 9}}},
		{"POST", "/api/groups", `{"name":"Nine"}`, 201, groupJSON, "", &pb.CreateGroupRequest{CallerId: 7, Name: "Nine"}},
		{"POST", "/api/groups", `{"memberIds":[]}`, 400, "invalid_argument", "name", nil},
		{"POST", "/api/groups", `{"name":"Nine","memberIds":[8]}`, 400, "invalid_argument", "memberIds", nil},
		{"POST", "/api/groups", `{"name":"Nine","memberIds":[null]}`, 400, "invalid_argument", "memberIds", nil},
		{"POST", "/api/groups", `{"name":"Nine","memberIds":["bob"]}`, 400, "invalid_argument", "memberIds", nil},
		{"POST", "/api/groups", `{"name":"Nine","memberIds":"8"}`, 400, "invalid_argument", "memberIds", nil},
		{"POST", "/api/groups", `{"name":"Nine","memberIds":` + many + `}`, 400, "invalid_argument", "memberIds", nil},
		{"GET", "/api/groups/9", "", 200, groupJSON, "", &pb.GetGroupRequest{CallerId: 7, GroupId: 9}},
		{"GET", "/api/groups/nine", "", 404, "not_found", "", nil},
		{"GET", "/api/groups/0", "", 404, "not_found", "", nil},
		{"PATCH", "/api/groups/9", `{"name":"New"}`, 200, groupJSON, "", &pb.UpdateGroupRequest{CallerId: 7, GroupId: 9, Name: &name}},
		{"PATCH", "/api/groups/9", `{"joinPolicy":1}`, 400, "invalid_argument", "joinPolicy", nil},
		{"DELETE", "/api/groups/9", "", 204, "", "", &pb.DissolveGroupRequest{CallerId: 7, GroupId: 9}},
		{"GET", "/api/groups/9/members?limit=5&cursor=3", "", 200, `{"members":[{"userId":"8","role":"admin","nickname":"Bob","joinedAt":6}],"nextCursor":"8"}`, "", &pb.ListMembersRequest{CallerId: 7, GroupId: 9, Limit: 5, Cursor: "3"}},
		{"GET", "/api/groups/9/members?limit=0", "", 400, "invalid_argument", "limit", nil},
		{"POST", "/api/groups/9/members", `{"userIds":["8"]}`, 200, `{"added":["8"],"already":[]}`, "", &pb.AddMembersRequest{CallerId: 7, GroupId: 9, UserIds: []int64{8}}},
		{"POST", "/api/groups/9/members", `{"userIds":[]}`, 400, "invalid_argument", "userIds", nil},
		{"POST", "/api/groups/9/members", `{}`, 400, "invalid_argument", "userIds", nil},
		{"POST", "/api/groups/9/join", "", 200, `{"added":["7"],"already":[]}`, "", &pb.JoinGroupRequest{CallerId: 7, GroupId: 9}},
		{"POST", "/api/groups/10/join", "", 200, `{"added":[],"already":["7"]}`, "", nil},
		{"DELETE", "/api/groups/9/members/8", "", 204, "", "", &pb.RemoveMemberRequest{CallerId: 7, GroupId: 9, UserId: 8}},
		{"DELETE", "/api/groups/9/members/me", "", 404, "not_found", "", nil},
		{"PUT", "/api/groups/9/members/8/role", `{"role":"admin"}`, 200, `{"userId":"8","role":"admin","nickname":"","joinedAt":6}`, "", &pb.SetRoleRequest{CallerId: 7, GroupId: 9, UserId: 8, Role: "admin"}},
		{"PUT", "/api/groups/9/members/8/role", `{}`, 400, "invalid_argument", "role", nil},
	} {
		t.Run(fmt.Sprintf("%s %.40s %.40s", tt.method, tt.path, tt.body), func(t *testing.T) {
			h.logic.mu.Lock()
			h.logic.calls = nil
			h.logic.mu.Unlock()
			assert.Equal(t, 401, h.call(tt.method, tt.path, "", tt.body).status, "without a token")
			r := h.call(tt.method, tt.path, "7:a", tt.body)
			require.Equal(t, tt.status, r.status, r.body)
			if tt.status >= 400 {
				assert.Equal(t, contracts.Code(tt.want), r.err.Code)
				if tt.field != "" {
					assert.Contains(t, r.err.Fields, tt.field)
				}
			} else if tt.want != "" {
				assert.JSONEq(t, tt.want, r.body)
			}
			if tt.req != nil {
				h.logic.mu.Lock()
				defer h.logic.mu.Unlock()
				got := h.logic.calls[len(h.logic.calls)-1].(proto.Message) //nolint:forcetypeassert // all are
				assert.True(t, proto.Equal(tt.req, got), "asked for %v", got)
			}
		})
	}
}

func TestChangesOnTheSocket(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	for _, tt := range []struct {
		name, data string
		ack        bool
		code       contracts.Code // rejected, where there is a tempMessageId
		failed     contracts.Code // an error frame
	}{
		{"edit", `{"conversationId":"world","seqId":5,"change":"edit","content":"new","tempMessageId":"e1"}`, true, "", ""},
		{"react", `{"conversationId":"world","seqId":5,"change":"react","reaction":"👍","tempMessageId":"e2"}`, true, "", ""},
		{"recall", `{"conversationId":"world","seqId":5,"change":"recall","tempMessageId":"e3"}`, true, "", ""},
		{"no such change", `{"conversationId":"world","seqId":5,"change":"pin","tempMessageId":"e4"}`, false, contracts.CodeInvalidArgument, ""},
		{"edit without content", `{"conversationId":"world","seqId":5,"change":"edit","tempMessageId":"e5"}`, false, contracts.CodeInvalidArgument, ""},
		{"reaction too long", `{"conversationId":"world","seqId":5,"change":"react","reaction":"` + strings.Repeat("a", 65) + `","tempMessageId":"e6"}`, false, contracts.CodeInvalidArgument, ""},
		{"no conversation", `{"seqId":5,"change":"recall","tempMessageId":"e7"}`, false, contracts.CodeInvalidArgument, ""},
		{"no number", `{"conversationId":"world","change":"recall","tempMessageId":"e8"}`, false, contracts.CodeInvalidArgument, ""},
		{"no key", `{"conversationId":"world","seqId":5,"change":"recall"}`, false, "", contracts.CodeInvalidArgument},
		{"no object", `[]`, false, "", contracts.CodeInvalidArgument},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			before := len(h.queue.published())
			c.write(`{"type":"change-message","data":` + tt.data + `}`)
			switch {
			case tt.ack:
				c.expect(contracts.FrameAck, nil)
				ups := h.queue.published()
				up := ups[len(ups)-1]
				assert.EqualValues(t, 5, up.GetChange().GetSeqId())
				assert.EqualValues(t, 7, up.GetSenderId())
				assert.False(t, up.GetChange().GetAsAdmin())
				return
			case tt.code != "":
				var d contracts.RejectedData
				c.expect(contracts.FrameRejected, &d)
				assert.Equal(t, tt.code, d.Code)
			default:
				var d contracts.ErrorData
				c.expect(contracts.FrameError, &d)
				assert.Equal(t, tt.failed, d.Code)
			}
			assert.Len(t, h.queue.published(), before, "nothing goes on")
		})
	}
}

func TestTypedFieldsOfASend(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	send := func(fields string) {
		c.write(`{"type":"send-message","data":{"conversationId":"world","content":"x","messageType":"text","tempMessageId":"m",` + fields + `}}`)
	}
	send(`"replyToSeq":4,"mentions":["8","all"]`)
	c.expect(contracts.FrameAck, nil)
	up := h.queue.published()[0]
	assert.EqualValues(t, 4, up.GetReplyToSeq())
	assert.Equal(t, []int64{8}, up.GetMentions())
	assert.True(t, up.GetMentionsAll())
	send(`"replyToSeq":null,"mentions":null`)
	c.expect(contracts.FrameAck, nil)
	send(`"mentions":"all"`)
	c.expect(contracts.FrameAck, nil)
	assert.True(t, h.queue.published()[2].GetMentionsAll())
	for _, bad := range []string{
		`"replyToSeq":0`, `"replyToSeq":"4"`, `"replyToSeq":-1`, `"mentions":"8"`, `"mentions":[8]`, `"mentions":["bob"]`, `"mentions":[null]`,
		`"mentions":["8"` + strings.Repeat(`,"8"`, 50) + `]`,
	} {
		var d contracts.RejectedData
		send(bad)
		c.expect(contracts.FrameRejected, &d)
		assert.Equal(t, contracts.CodeInvalidArgument, d.Code, bad)
	}
}

func TestChangeOverHTTP(t *testing.T) {
	h := start(t)
	h.queue.onSend = func(m *message.Message, up *pb.Upstream) {
		frame := contracts.EncodeFrame(contracts.FrameStored, contracts.StoredData{TempMessageID: up.GetTempMessageId(), SeqID: 8})
		h.deliver(&pb.Delivery{OnlyConnectionId: m.Metadata.Get(contracts.MetaOriginConnection), Frame: frame})
	}
	r := h.call("POST", "/api/conversations/world/messages/5/changes", "7:a", `{"change":"recall","tempMessageId":"r"}`)
	require.Equal(t, 200, r.status, r.body)
	assert.Contains(t, r.body, `"seqId":8`)
	assert.EqualValues(t, 5, h.queue.published()[0].GetChange().GetSeqId())
	for path, status := range map[string]int{"world/messages/x": 404, "world/messages/-1": 404, "nowhere/messages/5": 404} {
		assert.Equal(t, status, h.call("POST", "/api/conversations/"+path+"/changes", "7:a", `{"change":"recall","tempMessageId":"r"}`).status, path)
	}
	r = h.call("POST", "/api/conversations/world/messages/5/changes", "7:a", `{"change":"react","tempMessageId":"r"}`)
	assert.Equal(t, 400, r.status)
	assert.Contains(t, r.err.Fields, "reaction")
}
