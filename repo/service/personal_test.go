package service_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// TestReadersOfAGroup: the readers are the present members who joined before the message, in
// pages.
func TestReadersOfAGroup(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 5)
	for _, q := range []string{
		// 3 joined after the third message, 4 has left; 11 to 14 have read all.
		"INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) VALUES ('group_9',3,3,4)",
		"INSERT INTO conversation_members (conversation_id, user_id, read_seq, left_seq) VALUES ('group_9',4,5,5)",
		"INSERT INTO conversation_members (conversation_id, user_id, read_seq) VALUES ('group_9',11,5), ('group_9',12,5), ('group_9',13,5), ('group_9',14,5)",
	} {
		_, err := f.db.Writer().DB.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	moved, err := f.MarkDelivered(t.Context(), &pb.MarkDeliveredRequest{Delivered: []*pb.DeliveredTo{
		{UserId: 2, ConversationId: "group_9", SeqId: 4}, {UserId: 4, ConversationId: "group_9", SeqId: 5}, {UserId: 3, ConversationId: "group_9", SeqId: 4},
	}})
	require.NoError(t, err)
	require.Len(t, moved.GetMoved(), 1, "4 has left, 3 has read it")
	assert.Equal(t, pb.ConversationType_CONVERSATION_TYPE_GROUP, moved.GetMoved()[0].GetType())
	for _, tt := range []struct {
		caller int64
		seq    uint64
		counts string
		ids    []int64
		code   contracts.Code
	}{
		{1, 4, "5 6 6", []int64{3, 11, 12, 13, 14}, ""}, {2, 4, "5 6 6", []int64{3, 11, 12, 13, 14}, ""},
		{1, 5, "4 4 6", []int64{11, 12, 13, 14}, ""}, {1, 3, "4 5 5", []int64{11, 12, 13, 14}, ""},
		{3, 4, "5 6 6", []int64{3, 11, 12, 13, 14}, ""}, {3, 3, "", nil, contracts.CodeNotFound}, // before it joined
		{4, 4, "", nil, contracts.CodeNotFound}, {1, 6, "", nil, contracts.CodeNotFound},
	} {
		var ids []int64
		for after, more := int64(0), true; more; {
			page, err := f.Readers(t.Context(), &pb.ReadersRequest{UserId: tt.caller, ConversationId: "group_9", SeqId: tt.seq, AfterUserId: after, Limit: 2})
			if tt.code != "" {
				assert.Equal(t, tt.code, contracts.AsError(err).Code, tt)
				break
			}
			require.NoError(t, err)
			assert.Equal(t, tt.counts, fmt.Sprint(page.GetReadCount(), page.GetDeliveredCount(), page.GetMemberCount()), tt)
			for _, r := range page.GetReaders() {
				ids = append(ids, r.GetUserId())
			}
			if more = page.GetHasMore(); more {
				after = ids[len(ids)-1]
			}
		}
		assert.Equal(t, tt.ids, ids, tt)
	}
}

// TestRevokedDevicesWithoutACache: a cache that could not be told, and then answers
// again with what it knew before, lets no revoked device in through this process.
func TestRevokedDevicesWithoutACache(t *testing.T) {
	t.Parallel()
	f := open(t)
	key := &pb.CheckDeviceRequest{TokenId: "jti", UserId: 1, DeviceId: "phone"}
	_, err := f.NoteDevices(t.Context(), &pb.NoteDevicesRequest{Devices: []*pb.SeenDevice{{UserId: 1, DeviceId: "phone", SeenAt: 5, IssuedAt: 1}}})
	require.NoError(t, err)
	check := func() int64 {
		got, err := f.CheckDevice(t.Context(), key)
		require.NoError(t, err)
		return got.GetRevokedAt()
	}
	require.Zero(t, check())
	used := store.UsedToken{ID: "jti", DeviceKey: store.DeviceKey{UserID: 1, ID: "phone"}}
	old, known := f.kept.TokenChecked(t.Context(), used)
	require.True(t, known, "it is kept")
	require.Zero(t, old.DeviceRevokedAt)
	_, err = f.ForbidDevice(t.Context(), &pb.ForbidDeviceRequest{UserId: 1, DeviceId: "phone", At: 9})
	require.NoError(t, err)
	f.kept.Forget()
	require.NoError(t, f.kept.PutTokenChecked(t.Context(), used, old))
	assert.EqualValues(t, 9, check(), "this process remembers")
	f.kept.Forget()
	assert.EqualValues(t, 9, check(), "the database knows")
	f.cable.out.Store(true)
	assert.EqualValues(t, 9, check())

	list, err := f.KnownDevices(t.Context(), &pb.KnownDevicesRequest{UserId: 1})
	require.NoError(t, err, "the list is there to revoke from")
	assert.Empty(t, list.GetDevices())
	_, err = f.Present(t.Context(), &pb.PresentRequest{UserIds: []int64{1}})
	assert.Equal(t, contracts.CodeUnavailable, contracts.AsError(err).Code)
}
