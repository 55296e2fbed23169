package rpc

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// named is the echo service under a name of its own.
func named(service string) *grpc.ServiceDesc {
	d := echoDesc
	d.ServiceName = service
	return &d
}

func TestRoute(t *testing.T) {
	local, remote := NewLocal(), NewLocal()
	local.RegisterService(named("test.Here"), say("local"))
	local.RegisterService(named("test.Both"), say("local"))
	remote.RegisterService(named("test.There"), say("remote"))
	remote.RegisterService(named("test.Both"), say("remote"))
	remote.RegisterService(named("test.Unrouted"), say("remote"))
	conn := Route(local, map[string]grpc.ClientConnInterface{"test.There": remote, "test.Both": remote, "test.Here.Not": remote})
	for method, want := range map[string]string{
		"/test.Here/Call":     "local",
		"/test.Both/Call":     "local",
		"/test.There/Call":    "remote",
		"/test.Unrouted/Call": "",
		"/test.Nobody/Call":   "",
		"":                    "",
	} {
		t.Run(method, func(t *testing.T) {
			out := &wrapperspb.StringValue{}
			err := conn.Invoke(limited(t), method, wrapperspb.String("x"), out)
			if want == "" {
				if status.Code(err) != codes.Unimplemented {
					t.Errorf("got %v, want Unimplemented", err)
				}
				if _, err := conn.NewStream(limited(t), &grpc.StreamDesc{}, method); status.Code(err) != codes.Unimplemented {
					t.Errorf("a stream: got %v, want Unimplemented", err)
				}
				return
			}
			if err != nil || out.Value != want {
				t.Errorf("got %q, %v; want %q", out.Value, err, want)
			}
		})
	}
}
