package app

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/gochat/gochat/repo/service"
	"github.com/gochat/gochat/routers"
)

// TestEveryServiceHasItsRole: exactly one role provides each service. Without a role, a service would work in one
// process and not be found in a cluster; with two, calls would go to either.
func TestEveryServiceHasItsRole(t *testing.T) {
	t.Parallel()
	provided := map[string]string{}
	for _, r := range roles() {
		for _, s := range r.provides {
			require.Empty(t, provided[s.ServiceName], "%s is of role %s as well", s.ServiceName, r.name)
			provided[s.ServiceName] = r.name
		}
		assert.Equal(t, len(r.provides) > 0, r.mount != nil, "role %s says what it provides, and how that is mounted", r.name)
	}
	var ours []string
	protoregistry.GlobalFiles.RangeFilesByPackage("gochat.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			ours = append(ours, string(file.Services().Get(i).FullName()))
		}
		return true
	})
	assert.ElementsMatch(t, ours, slices.Collect(maps.Keys(provided)))
}

// registered collects the names of the services that are mounted on it.
type registered []string

func (r *registered) RegisterService(desc *grpc.ServiceDesc, _ any) {
	*r = append(*r, desc.ServiceName)
}

// TestRolesProvideWhatTheyMount: calls are routed by provides, so mount has to register exactly these services.
func TestRolesProvideWhatTheyMount(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(grpc.ServiceRegistrar){RoleRepo: (&service.Repo{}).Register, RoleLogic: routers.Logic{}.Mount} {
		var mounted registered
		mount(&mounted)
		var said []string
		for _, s := range rolesOf([]string{name})[0].provides {
			said = append(said, s.ServiceName)
		}
		assert.ElementsMatch(t, mounted, said, name)
	}
	assert.Equal(t, []string{RoleRepo, RoleLogic}, roles().providers().names(), "each is held to what it mounts")
}

// TestRolesStartAfterWhatTheyNeed: a role that uses the queue starts after the queue is open, and a role that is
// called starts before its callers.
func TestRolesStartAfterWhatTheyNeed(t *testing.T) {
	t.Parallel()
	for _, r := range roles() {
		assert.Equal(t, r.needs&needsQueue != 0, r.begins != beforeQueue, "%s", r.name)
		assert.Equal(t, len(r.provides) == 0, r.begins == afterServices, "%s", r.name)
		for _, called := range r.calls {
			other := rolesOf([]string{called})
			require.Len(t, other, 1, "%s calls %s", r.name, called)
			assert.NotEmpty(t, other[0].provides, "%s calls %s", r.name, called)
			assert.Less(t, other[0].begins, r.begins, "%s calls %s", r.name, called)
		}
	}
}
