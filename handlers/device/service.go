// Package device lists and revokes the devices of a user.
package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Devices stores the devices of users.
type Devices interface {
	KnownDevices(ctx context.Context, in *pb.KnownDevicesRequest) (*pb.KnownDevicesResponse, error)
	ForbidDevice(ctx context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error)
}

// notifyTimeout bounds the notification of sockets.
const notifyTimeout = 2 * time.Second

// Service implements pb.DeviceServiceServer. Its errors are *contracts.Error. It is
// safe for concurrent use.
type Service struct {
	pb.UnimplementedDeviceServiceServer
	devices  Devices
	notifier handlers.EachNotifier
	now      func() time.Time
}

var _ pb.DeviceServiceServer = (*Service)(nil)

// New returns the service.
func New(devices Devices, notifier handlers.EachNotifier) (*Service, error) {
	if devices == nil || notifier == nil {
		return nil, errors.New("configure device: a dependency is missing")
	}
	return &Service{devices: devices, notifier: notifier, now: time.Now}, nil
}

// ListDevices returns the caller's devices, newest first. Errors: unavailable.
func (s *Service) ListDevices(ctx context.Context, in *pb.ListDevicesRequest) (*pb.ListDevicesResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	resp, err := s.devices.KnownDevices(ctx, &pb.KnownDevicesRequest{UserId: in.GetCallerId()})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("list the devices of user %d", in.GetCallerId()))
	}
	for _, d := range resp.GetDevices() {
		if d.GetOnline() { // the stored time is only raised now and then
			d.LastSeenAt = s.now().UnixMilli()
		}
	}
	return &pb.ListDevicesResponse{Devices: resp.GetDevices()}, nil
}

// RevokeDevice takes a device out of the caller's list, revokes the tokens that it has used, and closes its
// sockets and those of these tokens. Errors: not_found, unavailable. The call may be repeated after an error:
// of a device that is revoked already, the sockets are closed once more, and the answer is not_found.
func (s *Service) RevokeDevice(ctx context.Context, in *pb.RevokeDeviceRequest) (*pb.RevokeDeviceResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	if in.GetDeviceId() == "" {
		return nil, noSuchDevice()
	}
	resp, err := s.devices.ForbidDevice(ctx, &pb.ForbidDeviceRequest{
		UserId: in.GetCallerId(), DeviceId: in.GetDeviceId(), At: s.now().UnixMilli(),
	})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("revoke a device of user %d", in.GetCallerId()))
	}
	if resp.GetRevokedAt() > 0 {
		if err := s.closeSockets(ctx, in, resp); err != nil {
			return nil, err
		}
	}
	if !resp.GetListed() {
		return nil, noSuchDevice()
	}
	return &pb.RevokeDeviceResponse{}, nil
}

// closeSockets goes on when the caller has gone: the device is revoked by now. A socket that
// the device opens with a newer token meanwhile stays.
func (s *Service) closeSockets(ctx context.Context, in *pb.RevokeDeviceRequest, revoked *pb.ForbidDeviceResponse) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTimeout)
	defer cancel()
	orders := []*pb.Delivery{{Close: &pb.Close{
		Code: contracts.CloseTokenRevoked, Reason: contracts.CloseReasonRevoked, DeviceId: in.GetDeviceId(), IssuedBefore: revoked.GetRevokedAt(),
	}}}
	for _, token := range revoked.GetTokenIds() {
		orders = append(orders, &pb.Delivery{Close: &pb.Close{
			Code: contracts.CloseTokenRevoked, Reason: contracts.CloseReasonRevoked, TokenId: token,
		}})
	}
	err := s.notifier.NotifyEach(ctx, map[contracts.UserID][]*pb.Delivery{contracts.UserID(in.GetCallerId()): orders})
	if err != nil {
		return contracts.NewError(contracts.CodeUnavailable, "").
			WithCause(fmt.Errorf("close the sockets of a revoked device of user %d: %w", in.GetCallerId(), err))
	}
	return nil
}

func noSuchDevice() error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such device.")
}
