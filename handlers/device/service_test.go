package device

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type fakeDevices struct {
	known  []*pb.Device
	answer *pb.ForbidDeviceResponse
	asked  *pb.ForbidDeviceRequest
	err    error
}

func (f *fakeDevices) KnownDevices(context.Context, *pb.KnownDevicesRequest) (*pb.KnownDevicesResponse, error) {
	return &pb.KnownDevicesResponse{Devices: f.known}, f.err
}

func (f *fakeDevices) ForbidDevice(_ context.Context, in *pb.ForbidDeviceRequest) (*pb.ForbidDeviceResponse, error) {
	f.asked = in
	return f.answer, f.err
}

type fakeNotifier struct {
	to  []contracts.UserID
	d   []*pb.Delivery
	err error
}

func (n *fakeNotifier) NotifyEach(ctx context.Context, to map[contracts.UserID][]*pb.Delivery) error {
	if _, ok := ctx.Deadline(); !ok || ctx.Err() != nil {
		return errors.New("a notification without its own deadline")
	}
	for user, list := range to {
		n.to, n.d = append(n.to, user), append(n.d, list...)
	}
	return n.err
}

var now = time.UnixMilli(1_800_000_000_123)

func newService(t *testing.T) (*Service, *fakeDevices, *fakeNotifier) {
	t.Helper()
	f, n := &fakeDevices{}, &fakeNotifier{}
	s, err := New(f, n)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return now }
	return s, f, n
}

func code(err error) contracts.Code {
	if err == nil {
		return ""
	}
	return contracts.AsError(err).Code
}

func TestListDevices(t *testing.T) {
	s, f, _ := newService(t)
	f.known = []*pb.Device{{DeviceId: "phone", Online: true, LastSeenAt: 7}, {DeviceId: "laptop", LastSeenAt: 5}}
	resp, err := s.ListDevices(t.Context(), &pb.ListDevicesRequest{CallerId: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetDevices(); got[0].GetLastSeenAt() != now.UnixMilli() || got[1].GetLastSeenAt() != 5 {
		t.Errorf("got %v: who is online is seen now", got)
	}
	_, err = s.ListDevices(t.Context(), &pb.ListDevicesRequest{})
	if code(err) != contracts.CodeUnauthenticated {
		t.Error(err)
	}
	f.err = contracts.NewError(contracts.CodeUnavailable, "")
	_, err = s.ListDevices(t.Context(), &pb.ListDevicesRequest{CallerId: 1})
	if code(err) != contracts.CodeUnavailable {
		t.Error(err)
	}
}

func TestRevokeDevice(t *testing.T) {
	for what, tt := range map[string]struct {
		device            string
		answer            *pb.ForbidDeviceResponse
		storeErr, told    error
		want              contracts.Code
		closedIssuedUntil int64
	}{
		"a device in the list":         {"phone", &pb.ForbidDeviceResponse{Listed: true, RevokedAt: 77, TokenIds: []string{"a", "b"}}, nil, nil, "", 77},
		"nobody's device":              {"phone", &pb.ForbidDeviceResponse{}, nil, nil, contracts.CodeNotFound, 0},
		"no device":                    {"", &pb.ForbidDeviceResponse{Listed: true, RevokedAt: 77}, nil, nil, contracts.CodeNotFound, 0},
		"once more, closes once more":  {"phone", &pb.ForbidDeviceResponse{RevokedAt: 66}, nil, nil, contracts.CodeNotFound, 66},
		"the store is away":            {"phone", nil, contracts.NewError(contracts.CodeUnavailable, ""), nil, contracts.CodeUnavailable, 0},
		"the store is broken":          {"phone", nil, errors.New("disk"), nil, contracts.CodeInternal, 0},
		"the gateways are not reached": {"phone", &pb.ForbidDeviceResponse{Listed: true, RevokedAt: 77}, nil, errors.New("broker"), contracts.CodeUnavailable, 77},
	} {
		t.Run(what, func(t *testing.T) {
			s, f, n := newService(t)
			f.answer, f.err, n.err = tt.answer, tt.storeErr, tt.told
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the caller has gone: what is begun is ended
			_, err := s.RevokeDevice(ctx, &pb.RevokeDeviceRequest{CallerId: 7, DeviceId: tt.device})
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if tt.closedIssuedUntil == 0 {
				if len(n.d) != 0 {
					t.Errorf("told %v", n.d)
				}
				return
			}
			if f.asked.GetUserId() != 7 || f.asked.GetDeviceId() != tt.device || f.asked.GetAt() != now.UnixMilli() {
				t.Errorf("asked %v", f.asked)
			}
			c := n.d[0].GetClose()
			if len(n.to) != 1 || n.to[0] != 7 || c.GetCode() != 4001 || c.GetDeviceId() != tt.device || c.GetTokenId() != "" ||
				c.GetIssuedBefore() != tt.closedIssuedUntil {
				t.Errorf("told %v: %v", n.to, c)
			}
			for i, id := range tt.answer.GetTokenIds() {
				if c := n.d[1+i].GetClose(); c.GetTokenId() != id || c.GetCode() != 4001 || c.GetDeviceId() != "" || c.GetIssuedBefore() != 0 {
					t.Errorf("token %s: told %v", id, c)
				}
			}
		})
	}
}

func TestNewNeedsAll(t *testing.T) {
	if _, err := New(nil, &fakeNotifier{}); err == nil {
		t.Error("it is taken")
	}
}
