package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type poison struct {
	pb.UnimplementedPoisonRepoServer
	*Repo
}

// requeuedMost bounds the records of one answer: each may be as large as the queue takes.
const requeuedMost = 32

// KeepPoison implements pb.PoisonRepoServer.
func (r poison) KeepPoison(ctx context.Context, in *pb.KeepPoisonRequest) (*pb.KeepPoisonResponse, error) {
	records := make([]store.PoisonRecord, len(in.GetRecords()))
	for i, rec := range in.GetRecords() {
		records[i] = poisonRecord(rec)
	}
	if err := r.store.KeepPoison(ctx, records); err != nil {
		return nil, answer(err)
	}
	return &pb.KeepPoisonResponse{}, nil
}

// poisonRecord fills the columns from the record's metadata. Every text is cut to the width of
// its column: a record that the database refuses would be redelivered for ever.
func poisonRecord(in *pb.PoisonRecord) store.PoisonRecord {
	meta := in.GetMetadata()
	at, err := strconv.ParseInt(meta[contracts.MetaPoisonAt], 10, 64)
	if err != nil || at <= 0 { // an older release did not write the time
		at = time.Now().UnixMilli()
	}
	out := store.PoisonRecord{
		UUID: short(in.GetUuid(), 255), Group: short(meta[contracts.MetaPoisonGroup], 255), Topic: short(meta[contracts.MetaPoisonTopic], 255),
		Reason: short(meta[contracts.MetaPoisonReason], 64), Error: short(meta[contracts.MetaPoisonError], 4<<10),
		Sender: short(meta[contracts.MetaPoisonSender], 64), Conversation: short(meta[contracts.MetaPoisonConversation], 255),
		TempMessageID: short(meta[contracts.MetaPoisonTempMessage], 4<<10), Told: short(meta[contracts.MetaPoisonTold], 64),
		TraceID: short(meta[contracts.MetaTraceID], 64), PoisonedAt: at, Metadata: make(map[string]string, len(meta)), Payload: in.GetPayload(),
	}
	for k, v := range meta {
		out.Metadata[strings.ToValidUTF8(k, "?")] = strings.ToValidUTF8(v, "?")
	}
	if out.Error == "" { // an older release wrote the text as the reason
		out.Error = short(meta[contracts.MetaPoisonReason], 4<<10)
	}
	return out
}

// short cuts s to at most limit bytes of valid UTF-8. A text that was cut ends in a hash of the
// whole s, so that two different texts stay different.
func short(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	mark := "…" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(s[:limit-len(mark)], "") + mark
}

// ListRequeued implements pb.PoisonRepoServer.
func (r poison) ListRequeued(ctx context.Context, in *pb.ListRequeuedRequest) (*pb.ListRequeuedResponse, error) {
	if in.GetLimit() < 1 || in.GetLimit() > requeuedMost {
		return nil, contracts.Invalid("limit", "1 to 32")
	}
	list, err := r.store.RequeuedPoison(ctx, int(in.GetLimit()))
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.ListRequeuedResponse{}
	for _, rec := range list {
		out.Records = append(out.Records, &pb.PoisonRecord{RecordId: rec.ID, Uuid: rec.UUID, Metadata: rec.Metadata, Payload: rec.Payload})
	}
	return out, nil
}

// ForgetPoison implements pb.PoisonRepoServer.
func (r poison) ForgetPoison(ctx context.Context, in *pb.ForgetPoisonRequest) (*pb.ForgetPoisonResponse, error) {
	if _, err := r.store.ForgetPoison(ctx, in.GetRecordIds()); err != nil {
		return nil, answer(err)
	}
	return &pb.ForgetPoisonResponse{}, nil
}
