package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestEveryServiceHasItsRole: a service without one answers in one process and is not found by the
// processes of a cluster.
func TestEveryServiceHasItsRole(t *testing.T) {
	t.Parallel()
	found := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("gochat.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			name := string(file.Services().Get(i).FullName())
			found++
			want := roleLogic
			if strings.HasSuffix(name, "Repo") {
				want = roleRepo
			}
			require.Equal(t, want, services[name], name)
		}
		return true
	})
	require.Len(t, services, found)
}
