package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

type conversations struct {
	pb.UnimplementedConversationRepoServer
	*Repo
}

// Memberships implements pb.ConversationRepoServer. The facts of single chats and who is in
// world never change: this process remembers them. Everything else is read from the database
// on each call, in two queries for all keys.
func (r conversations) Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	facts, err := r.facts(ctx, in.GetKeys())
	if err != nil {
		return nil, answer(err)
	}
	members, err := r.standings(ctx, in.GetKeys(), facts)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.MembershipsResponse{Memberships: make([]*pb.Membership, len(in.GetKeys()))}
	for i, k := range in.GetKeys() {
		f, exists := facts[k.GetConversationId()]
		if !exists {
			out.Memberships[i] = &pb.Membership{}
			continue
		}
		standing, member := members[store.MembershipKey{ConversationID: k.GetConversationId(), UserID: k.GetUserId()}]
		if f.Type == store.Single {
			member = slices.Contains(f.UserIDs, k.GetUserId())
		}
		out.Memberships[i] = &pb.Membership{
			Exists: true, Type: pb.ConversationType(f.Type), Member: member, Dissolved: f.Dissolved,
			UserIds: f.UserIDs, GroupId: f.GroupID, MemberCount: f.GroupSize, MembersVersion: f.MembersVersion,
			Role: standing.Role, JoinSeq: standing.JoinSeq,
		}
	}
	return out, nil
}

func (r conversations) facts(ctx context.Context, keys []*pb.MembershipKey) (map[string]store.Facts, error) {
	out := make(map[string]store.Facts, len(keys))
	var ask []string
	for _, k := range keys {
		id := k.GetConversationId()
		if _, done := out[id]; done {
			continue
		}
		if f, kept := r.singles.Get(id); kept {
			out[id] = f
		} else if !slices.Contains(ask, id) {
			ask = append(ask, id)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	found, err := r.store.Facts(ctx, ask)
	if err != nil {
		return nil, err
	}
	for id, f := range found {
		out[id] = f
		if f.Type == store.Single {
			r.singles.Add(id, f)
		}
	}
	return out, nil
}

func (r conversations) standings(ctx context.Context, keys []*pb.MembershipKey, facts map[string]store.Facts) (map[store.MembershipKey]store.Standing, error) {
	out := map[store.MembershipKey]store.Standing{}
	var ask []store.MembershipKey
	for _, k := range keys {
		f, exists := facts[k.GetConversationId()]
		if !exists || f.Type == store.Single {
			continue
		}
		key := store.MembershipKey{ConversationID: k.GetConversationId(), UserID: k.GetUserId()}
		if f.Type == store.World && r.inWorld.Contains(key.UserID) {
			out[key] = store.Standing{}
			continue
		}
		ask = append(ask, key)
	}
	if len(ask) == 0 {
		return out, nil
	}
	found, err := r.store.Standings(ctx, ask)
	if err != nil {
		return nil, err
	}
	for key, standing := range found {
		out[key] = standing
		if key.ConversationID == string(contracts.World) {
			r.inWorld.Add(key.UserID, struct{}{})
		}
	}
	return out, nil
}

// EnsureSingle implements pb.ConversationRepoServer.
func (r conversations) EnsureSingle(ctx context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error) {
	id := string(contracts.SingleConversation(contracts.UserID(in.GetUserId()), contracts.UserID(in.GetPeerId())))
	if f, kept := r.singles.Get(id); kept && slices.Contains(f.UserIDs, in.GetUserId()) && slices.Contains(f.UserIDs, in.GetPeerId()) {
		return &pb.EnsureSingleResponse{ConversationId: id}, nil
	}
	id, created, err := r.store.EnsureSingle(ctx, in.GetUserId(), in.GetPeerId())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.EnsureSingleResponse{ConversationId: id, Created: created}, nil
}

// beginMost bounds one call of BeginSingles.
const beginMost = contracts.SinglesBatch

// BeginSingles implements pb.ConversationRepoServer.
func (r conversations) BeginSingles(ctx context.Context, in *pb.BeginSinglesRequest) (*pb.BeginSinglesResponse, error) {
	if n := len(in.GetMessages()); n > beginMost {
		return nil, contracts.Invalid("messages", fmt.Sprintf("at most %d", beginMost))
	}
	sends := make([]store.FirstSend, len(in.GetMessages()))
	for i, m := range in.GetMessages() {
		sends[i] = store.FirstSend{SenderID: m.GetSenderId(), ReceiverID: m.GetReceiverId(), ClientID: m.GetTempMessageId()}
	}
	done, err := r.store.BeginSingles(ctx, sends)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.BeginSinglesResponse{Results: make([]*pb.SingleBegun, len(done))}
	for i, d := range done {
		out.Results[i] = &pb.SingleBegun{There: d.There}
		if d.Stored != nil {
			out.Results[i].Stored = wire.Proto(d.Stored)
		}
	}
	return out, nil
}

// GetConversation implements pb.ConversationRepoServer.
func (r conversations) GetConversation(ctx context.Context, in *pb.GetConversationRequest) (*pb.GetConversationResponse, error) {
	c, err := r.store.Conversation(ctx, in.GetConversationId(), in.GetUserId())
	if err != nil {
		return nil, answer(err)
	}
	list, err := r.views(ctx, []store.Conversation{c})
	if err != nil {
		return nil, answer(err)
	}
	return &pb.GetConversationResponse{Conversation: list[0]}, nil
}

// ListConversations implements pb.ConversationRepoServer.
func (r conversations) ListConversations(ctx context.Context, in *pb.ListConversationsRequest) (*pb.ListConversationsResponse, error) {
	if in.GetLimit() > ListMax {
		return nil, contracts.Invalid("limit", fmt.Sprintf("at most %d", ListMax))
	}
	page, next, err := r.store.List(ctx, in.GetUserId(), in.GetCursor(), max(int(in.GetLimit()), 1))
	if err != nil {
		return nil, answer(err)
	}
	list, err := r.views(ctx, page)
	if err != nil {
		return nil, answer(err)
	}
	return &pb.ListConversationsResponse{Conversations: list, NextCursor: next}, nil
}

// views turns conversations into the contract's form and adds to each its last message, peer
// and group. Each of the three is read once for the whole list.
func (r conversations) views(ctx context.Context, list []store.Conversation) ([]*pb.Conversation, error) {
	spans := make([]store.Span, 0, len(list))
	var peers, groupIDs []int64
	for _, c := range list {
		if c.MessageSeq > 0 {
			spans = append(spans, store.Span{ConversationID: c.ID, From: c.MessageSeq - 1, To: c.MessageSeq, Changed: c.Changed, Expired: c.Expired})
		}
		if c.PeerID != 0 {
			peers = append(peers, c.PeerID)
		}
		if c.GroupID != 0 {
			groupIDs = append(groupIDs, c.GroupID)
		}
	}
	lasts := map[string]store.Message{}
	found, err := r.store.Spans(ctx, spans)
	if err != nil {
		return nil, err
	}
	for i, one := range found {
		for _, m := range asKept(one, spans[i]) {
			lasts[m.ConversationID] = m
		}
	}
	people, err := r.users(ctx, peers)
	if err != nil {
		return nil, err
	}
	infos, err := r.store.Groups(ctx, groupIDs)
	if err != nil {
		return nil, err
	}
	out := make([]*pb.Conversation, len(list))
	for i, c := range list {
		out[i] = &pb.Conversation{
			ConversationId: c.ID, Type: pb.ConversationType(c.Type), PeerId: c.PeerID, GroupId: c.GroupID,
			LastSeq: c.LastSeq, ReadSeq: c.ReadSeq, JoinSeq: c.JoinSeq, LastMessageAt: c.LastMessageAt,
			PeerReadSeq: c.PeerReadSeq, PeerDeliveredSeq: c.PeerDeliveredSeq,
			Unread: &c.Unread,
		}
		if m, has := lasts[c.ID]; has {
			out[i].LastMessage = wire.Proto(&m)
		}
		if u, has := people[c.PeerID]; has {
			out[i].Peer = userProto(u)
		}
		if g, has := infos[c.GroupID]; has {
			out[i].Group = groupProto(g)
		}
	}
	return out, nil
}

// MarkRead implements pb.ConversationRepoServer.
func (r conversations) MarkRead(ctx context.Context, in *pb.MarkReadRequest) (*pb.MarkReadResponse, error) {
	read, err := r.store.MarkRead(ctx, in.GetConversationId(), in.GetUserId(), in.GetSeqId())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.MarkReadResponse{
		ReadSeq: read.ReadSeq, LastSeq: read.LastSeq, Moved: read.Moved, Type: pb.ConversationType(read.Type), PeerId: read.PeerID,
		Unread: &read.Unread,
	}, nil
}

// ListMax bounds one page of conversations, and of readers. Each conversation carries its last
// message: a larger page would not fit into one answer between processes.
const ListMax = 500
