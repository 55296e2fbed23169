package service

import (
	"context"

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

// KnownDevices implements pb.DeviceRepoServer. Without an answer of the registry no
// device is known to be online: the list is there to revoke from, all the same.
func (r devices) KnownDevices(ctx context.Context, in *pb.KnownDevicesRequest) (*pb.KnownDevicesResponse, error) {
	list, err := r.store.Devices(ctx, in.GetUserId())
	if err != nil {
		return nil, answer(err)
	}
	connected, _, err := r.sessions.Present(ctx, []int64{in.GetUserId()})
	r.missed("ask which devices are online", err)
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

// ForbidDevice implements pb.DeviceRepoServer. What the cache could not be told is
// remembered in this process.
func (r devices) ForbidDevice(ctx context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error) {
	key := store.DeviceKey{UserID: in.GetUserId(), ID: in.GetDeviceId()}
	listed, at, err := r.store.Forbid(ctx, key.UserID, key.ID, in.GetAt())
	if err != nil {
		return nil, answer(err)
	}
	if at > 0 {
		r.forbidden.Add(key, at)
		r.missed("remember a revoked device", r.cache.PutDeviceRevoked(ctx, key, at))
	}
	return &pb.ForbidDeviceResponse{Listed: listed, RevokedAt: at}, nil
}

// CheckDevice implements pb.DeviceRepoServer.
func (r devices) CheckDevice(ctx context.Context, in *pb.CheckDeviceRequest) (*pb.CheckDeviceResponse, error) {
	if r.revoked.Contains(in.GetTokenId()) {
		return &pb.CheckDeviceResponse{TokenRevoked: true}, nil
	}
	key := store.DeviceKey{UserID: in.GetUserId(), ID: in.GetDeviceId()}
	here, _ := r.forbidden.Get(key)
	if revoked, at, known := r.cache.DeviceChecked(ctx, in.GetTokenId(), key); known {
		r.metrics.cached("devices", 1, 0)
		return &pb.CheckDeviceResponse{TokenRevoked: revoked, RevokedAt: max(at, here)}, nil
	}
	r.metrics.cached("devices", 0, 1)
	revoked, at, err := r.store.Check(ctx, in.GetTokenId(), key.UserID, key.ID)
	if err != nil {
		return nil, answer(err)
	}
	if !revoked {
		r.missed("remember a device", r.cache.PutDeviceChecked(ctx, in.GetTokenId(), key, at))
	}
	return &pb.CheckDeviceResponse{TokenRevoked: revoked, RevokedAt: max(at, here)}, nil
}
