package gateway

import (
	"context"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakePersonal answers for devices, receipts and presence. Users 1 to 99 are
// everybody's contacts.
type fakePersonal struct {
	pb.DeviceServiceClient
	pb.DeviceRepoClient
	pb.ReceiptServiceClient
	pb.PresenceServiceClient
	pb.PresenceRepoClient

	mu      sync.Mutex
	fail    error
	notes   []*pb.SeenDevice
	batches [][]*pb.DeliveredTo
	readers *pb.ListReadersRequest
	revoked *pb.RevokeDeviceRequest
	online  map[int64]bool
	seen    map[int64]int64
	partial bool
	watched bool    // changes are announced
	asked   []int64 // of the last call of Present
	rounds  int
}

func newFakePersonal() *fakePersonal {
	return &fakePersonal{online: map[int64]bool{}, seen: map[int64]int64{}}
}

func (f *fakePersonal) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakePersonal) NoteDevices(_ context.Context, in *pb.NoteDevicesRequest, _ ...grpc.CallOption) (*pb.NoteDevicesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	f.notes = append(f.notes, in.GetDevices()...)
	return &pb.NoteDevicesResponse{}, nil
}

func (f *fakePersonal) noted(device string) (out []*pb.SeenDevice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.notes {
		if n.GetDeviceId() == device {
			out = append(out, n)
		}
	}
	return out
}

func (f *fakePersonal) ListDevices(context.Context, *pb.ListDevicesRequest, ...grpc.CallOption) (*pb.ListDevicesResponse, error) {
	return &pb.ListDevicesResponse{Devices: []*pb.Device{{DeviceId: "phone", Online: true, LastSeenAt: 5}}}, f.fail
}

func (f *fakePersonal) RevokeDevice(_ context.Context, in *pb.RevokeDeviceRequest, _ ...grpc.CallOption) (*pb.RevokeDeviceResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = in
	return &pb.RevokeDeviceResponse{}, f.fail
}

func (f *fakePersonal) Deliver(_ context.Context, in *pb.DeliverRequest, _ ...grpc.CallOption) (*pb.DeliverResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	f.batches = append(f.batches, in.GetDelivered())
	out := &pb.DeliverResponse{}
	for _, d := range in.GetDelivered() {
		if !strings.HasPrefix(d.GetConversationId(), "group_no") {
			out.Moved = append(out.Moved, d)
		}
	}
	return out, nil
}

func (f *fakePersonal) delivered() (out []*pb.DeliveredTo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.batches...)
}

func (f *fakePersonal) ListReaders(_ context.Context, in *pb.ListReadersRequest, _ ...grpc.CallOption) (*pb.ListReadersResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = in
	return &pb.ListReadersResponse{
		ReadCount: 1, DeliveredCount: 2, MemberCount: 3, Readers: []*pb.Reader{{UserId: 8, ReadSeq: 9}}, NextCursor: "8",
	}, f.fail
}

func (f *fakePersonal) GetPresence(_ context.Context, in *pb.GetPresenceRequest, _ ...grpc.CallOption) (*pb.GetPresenceResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.GetPresenceResponse{}
	for _, id := range in.GetUserIds() {
		if id < 100 {
			p := &pb.Presence{UserId: id, Online: f.online[id], Unknown: f.partial && !f.online[id]}
			if !p.GetOnline() {
				p.LastSeenAt = f.seen[id]
			}
			out.Presence = append(out.Presence, p)
		}
	}
	return out, f.fail
}

func (f *fakePersonal) Present(_ context.Context, in *pb.PresentRequest, _ ...grpc.CallOption) (*pb.PresentResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.rounds = in.GetUserIds(), f.rounds+1
	if f.fail != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "")
	}
	out := &pb.PresentResponse{Partial: f.partial, Watched: f.watched && in.GetWatcherId() != ""}
	for _, id := range in.GetUserIds() {
		if f.online[id] {
			out.Online = append(out.Online, id)
		}
	}
	return out, nil
}

func (f *fakePersonal) LastSeen(_ context.Context, in *pb.LastSeenRequest, _ ...grpc.CallOption) (*pb.LastSeenResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.LastSeenResponse{LastSeenAt: map[int64]int64{}}
	for _, id := range in.GetUserIds() {
		out.LastSeenAt[id] = f.seen[id]
	}
	return out, nil
}
