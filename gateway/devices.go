package gateway

import (
	"context"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// notePatience is how long a socket's hello waits for its device to be in the list.
const notePatience = time.Second

// deviceKey is a device of a user; the empty device stands for all sockets of the user that name none.
type deviceKey struct {
	user   int64
	device string
}

type deviceNotes = gather[deviceKey, *pb.SeenDevice]

// newDeviceNotes gathers when devices were seen: when a socket opens, when it closes,
// and now and then while it is open.
func (g *Gateway) newDeviceNotes() *deviceNotes {
	n := &deviceNotes{
		what: "devices", timeout: g.cfg.RPCTimeout, log: g.log,
		merge: func(old, newer *pb.SeenDevice) *pb.SeenDevice {
			return &pb.SeenDevice{
				UserId: newer.GetUserId(), DeviceId: newer.GetDeviceId(),
				SeenAt: max(old.GetSeenAt(), newer.GetSeenAt()), IssuedAt: max(old.GetIssuedAt(), newer.GetIssuedAt()),
			}
		},
		owner: func(k deviceKey) int64 { return k.user },
		send: func(ctx context.Context, run []*pb.SeenDevice) error {
			_, err := g.deps.DeviceNotes.NoteDevices(ctx, &pb.NoteDevicesRequest{Devices: run})
			return err
		},
	}
	return n.start()
}

// note says that the socket's device was seen now. When too many notes wait, this one is dropped; a later note of the
// device makes up for it.
func (c *conn) note() (tried <-chan struct{}, taken bool) {
	return c.g.devices.add(deviceKey{c.user, c.device}, &pb.SeenDevice{
		UserId: c.user, DeviceId: c.device, SeenAt: time.Now().UnixMilli(), IssuedAt: c.issued,
	})
}

// introduce puts a new socket into the session registry, and its device into the
// store, at the same time. A store that does not answer only costs the device its
// place in the list for a while.
func (c *conn) introduce(ctx context.Context) {
	var noted <-chan struct{}
	if c.device != "" {
		noted, _ = c.note()
	}
	c.g.registrar.put(ctx, c.session())
	if noted == nil {
		return
	}
	patience := time.NewTimer(notePatience)
	defer patience.Stop()
	select {
	case <-noted:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// noteAgain notes the device of a socket that has been open for another DeviceRefresh; heartbeat calls it.
func (c *conn) noteAgain(now int64) {
	if c.device != "" && now-c.noted >= c.g.cfg.DeviceRefresh.Milliseconds() {
		c.noted = now
		c.note()
	}
}
