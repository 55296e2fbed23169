//nolint:revive // each method makes the call of its name, of which contracts/proto says what it does
package client

import (
	"context"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Users stores accounts, and which of their tokens are revoked.
type Users struct{ remote pb.UserRepoClient }

// NewUsers returns the calls of UserRepo.
func NewUsers(conn grpc.ClientConnInterface) Users { return Users{pb.NewUserRepoClient(conn)} }

func (c Users) CreateUser(ctx context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	return c.remote.CreateUser(ctx, in)
}

func (c Users) GetCredentials(ctx context.Context, in *pb.GetCredentialsRequest) (*pb.GetCredentialsResponse, error) {
	return c.remote.GetCredentials(ctx, in)
}

func (c Users) GetUser(ctx context.Context, in *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	return c.remote.GetUser(ctx, in)
}

func (c Users) FindUser(ctx context.Context, in *pb.FindUserRequest) (*pb.FindUserResponse, error) {
	return c.remote.FindUser(ctx, in)
}

func (c Users) UpdateUser(ctx context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	return c.remote.UpdateUser(ctx, in)
}

func (c Users) RevokeToken(ctx context.Context, in *pb.RevokeTokenRequest) (*pb.RevokeTokenResponse, error) {
	return c.remote.RevokeToken(ctx, in)
}

func (c Users) IsTokenRevoked(ctx context.Context, in *pb.IsTokenRevokedRequest) (*pb.IsTokenRevokedResponse, error) {
	return c.remote.IsTokenRevoked(ctx, in)
}

func (c Users) SignOut(ctx context.Context, in *pb.SignOutRequest) (*pb.SignOutResponse, error) {
	return c.remote.SignOut(ctx, in)
}

func (c Users) CheckTokens(ctx context.Context, in *pb.CheckTokensRequest) (*pb.CheckTokensResponse, error) {
	return c.remote.CheckTokens(ctx, in)
}

// Devices stores the devices of users.
type Devices struct{ remote pb.DeviceRepoClient }

// NewDevices returns the calls of DeviceRepo.
func NewDevices(conn grpc.ClientConnInterface) Devices { return Devices{pb.NewDeviceRepoClient(conn)} }

func (c Devices) CheckDevice(ctx context.Context, in *pb.CheckDeviceRequest) (*pb.CheckDeviceResponse, error) {
	return c.remote.CheckDevice(ctx, in)
}

func (c Devices) KnownDevices(ctx context.Context, in *pb.KnownDevicesRequest) (*pb.KnownDevicesResponse, error) {
	return c.remote.KnownDevices(ctx, in)
}

func (c Devices) ForbidDevice(ctx context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error) {
	return c.remote.ForbidDevice(ctx, in)
}

// Receipts stores what was delivered and read.
type Receipts struct{ remote pb.ReceiptRepoClient }

// NewReceipts returns the calls of ReceiptRepo.
func NewReceipts(conn grpc.ClientConnInterface) Receipts {
	return Receipts{pb.NewReceiptRepoClient(conn)}
}

func (c Receipts) MarkDelivered(ctx context.Context, in *pb.MarkDeliveredRequest) (*pb.MarkDeliveredResponse, error) {
	return c.remote.MarkDelivered(ctx, in)
}

func (c Receipts) Readers(ctx context.Context, in *pb.ReadersRequest) (*pb.ReadersResponse, error) {
	return c.remote.Readers(ctx, in)
}

// Presence knows who is online.
type Presence struct{ remote pb.PresenceRepoClient }

// NewPresence returns the calls of PresenceRepo.
func NewPresence(conn grpc.ClientConnInterface) Presence {
	return Presence{pb.NewPresenceRepoClient(conn)}
}

func (c Presence) Present(ctx context.Context, in *pb.PresentRequest) (*pb.PresentResponse, error) {
	return c.remote.Present(ctx, in)
}

func (c Presence) LastSeen(ctx context.Context, in *pb.LastSeenRequest) (*pb.LastSeenResponse, error) {
	return c.remote.LastSeen(ctx, in)
}

func (c Presence) Wrote(ctx context.Context, in *pb.WroteRequest) (*pb.WroteResponse, error) {
	return c.remote.Wrote(ctx, in)
}

func (c Presence) CountOnline(ctx context.Context, in *pb.CountOnlineRequest) (*pb.CountOnlineResponse, error) {
	return c.remote.CountOnline(ctx, in)
}

// Limits has the token buckets and marks that all processes share.
type Limits struct{ remote pb.LimitRepoClient }

// NewLimits returns the calls of LimitRepo.
func NewLimits(conn grpc.ClientConnInterface) Limits { return Limits{pb.NewLimitRepoClient(conn)} }

func (c Limits) TakeTokens(ctx context.Context, in *pb.TakeTokensRequest) (*pb.TakeTokensResponse, error) {
	return c.remote.TakeTokens(ctx, in)
}

func (c Limits) ReturnTokens(ctx context.Context, in *pb.ReturnTokensRequest) (*pb.ReturnTokensResponse, error) {
	return c.remote.ReturnTokens(ctx, in)
}

func (c Limits) PutMarks(ctx context.Context, in *pb.PutMarksRequest) (*pb.PutMarksResponse, error) {
	return c.remote.PutMarks(ctx, in)
}

func (c Limits) HasMarks(ctx context.Context, in *pb.HasMarksRequest) (*pb.HasMarksResponse, error) {
	return c.remote.HasMarks(ctx, in)
}
