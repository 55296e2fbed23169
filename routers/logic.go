package routers

import (
	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Logic has the services of the logic role.
type Logic struct {
	Auth          pb.AuthServiceServer
	Users         pb.UserServiceServer
	Conversations pb.ConversationServiceServer
	Messages      pb.MessageServiceServer
	Groups        pb.GroupServiceServer
	Search        pb.SearchServiceServer
	Devices       pb.DeviceServiceServer
	Receipts      pb.ReceiptServiceServer
	Presence      pb.PresenceServiceServer
}

// Mount registers the services on a gRPC server or an in-process channel.
func (l Logic) Mount(on grpc.ServiceRegistrar) {
	pb.RegisterAuthServiceServer(on, l.Auth)
	pb.RegisterUserServiceServer(on, l.Users)
	pb.RegisterConversationServiceServer(on, l.Conversations)
	pb.RegisterMessageServiceServer(on, l.Messages)
	pb.RegisterGroupServiceServer(on, l.Groups)
	pb.RegisterSearchServiceServer(on, l.Search)
	pb.RegisterDeviceServiceServer(on, l.Devices)
	pb.RegisterReceiptServiceServer(on, l.Receipts)
	pb.RegisterPresenceServiceServer(on, l.Presence)
}
