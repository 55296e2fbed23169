package service

import (
	"context"
	"errors"
	"fmt"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type devices struct {
	pb.UnimplementedDeviceRepoServer
	*Repo
}

// NoteDevices implements pb.DeviceRepoServer.
func (r devices) NoteDevices(ctx context.Context, in *pb.NoteDevicesRequest) (*pb.NoteDevicesResponse, error) {
	seen := make([]store.Seen, len(in.GetDevices()))
	for i, d := range in.GetDevices() {
		seen[i] = store.Seen{
			DeviceKey: store.DeviceKey{UserID: d.GetUserId(), ID: d.GetDeviceId()}, At: d.GetSeenAt(), IssuedAt: d.GetIssuedAt(),
		}
	}
	if err := r.store.See(ctx, seen); err != nil {
		return nil, answer(err)
	}
	return &pb.NoteDevicesResponse{}, nil
}

// KnownDevices implements pb.DeviceRepoServer. When the session registry does not answer, all
// devices are listed as offline: the user can still choose one to revoke.
func (r devices) KnownDevices(ctx context.Context, in *pb.KnownDevicesRequest) (*pb.KnownDevicesResponse, error) {
	list, err := r.store.Devices(ctx, in.GetUserId())
	if err != nil {
		return nil, answer(err)
	}
	connected, _, err := r.sessions.Present(ctx, []int64{in.GetUserId()})
	r.logCacheError("ask which devices are online", err)
	online := map[string]bool{}
	for _, id := range connected[in.GetUserId()] {
		online[id] = true
	}
	out := &pb.KnownDevicesResponse{Devices: make([]*pb.Device, len(list))}
	for i, d := range list {
		out.Devices[i] = &pb.Device{DeviceId: d.ID, LastSeenAt: d.LastSeenAt, Online: online[d.ID]}
	}
	return out, nil
}

// ForbidDevice implements pb.DeviceRepoServer. This process remembers the revocation itself, so
// that the revocation holds here also while the cache cannot be told of it.
func (r devices) ForbidDevice(ctx context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error) {
	key := store.DeviceKey{UserID: in.GetUserId(), ID: in.GetDeviceId()}
	done, err := r.store.Forbid(ctx, key, in.GetAt())
	if err != nil {
		return nil, answer(err)
	}
	if done.RevokedAt > 0 {
		r.forbidden.Add(key, done.RevokedAt)
		for _, t := range done.Tokens {
			r.revoked.Add(t.ID, struct{}{})
		}
		r.revocations.tell(ctx, fmt.Sprint("device:", key.UserID, ":", key.ID), func(ctx context.Context) error {
			return errors.Join(r.cache.PutTokensRevoked(ctx, done.Tokens...), r.cache.PutDeviceRevoked(ctx, key, done.RevokedAt))
		})
	}
	out := &pb.ForbidDeviceResponse{Listed: done.Listed, RevokedAt: done.RevokedAt}
	for _, t := range done.Tokens {
		out.TokenIds = append(out.TokenIds, t.ID)
	}
	return out, nil
}

// CheckDevice implements pb.DeviceRepoServer.
func (r devices) CheckDevice(ctx context.Context, in *pb.CheckDeviceRequest) (*pb.CheckDeviceResponse, error) {
	t := store.UsedToken{
		ID: in.GetTokenId(), DeviceKey: store.DeviceKey{UserID: in.GetUserId(), ID: in.GetDeviceId()},
		IssuedAt: in.GetIssuedAt(), ExpiresAt: in.GetExpiresAt(),
	}
	state, err := r.tokenState(ctx, cacheDevices, t)
	if err != nil {
		return nil, err
	}
	if t.ExpiresAt == 0 { // the caller is of an older release, which sends no more of the token
		return &pb.CheckDeviceResponse{TokenRevoked: state.Revoked, RevokedAt: state.DeviceRevokedAt}, nil
	}
	at, err := r.use(ctx, t, state)
	if err != nil {
		return nil, err
	}
	return &pb.CheckDeviceResponse{TokenRevoked: state.Refused(t.IssuedAt), RevokedAt: max(at, state.DeviceRevokedAt)}, nil
}
