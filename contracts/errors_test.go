package contracts_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/contracts"
)

// TestBareStatuses: what a process that knows no codes answers is read as the table says; that it is
// too old to know a call is no fault of the client's, and may be tried again.
func TestBareStatuses(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]contracts.Code{
		codes.InvalidArgument: contracts.CodeInvalidArgument, codes.Unauthenticated: contracts.CodeUnauthenticated,
		codes.NotFound: contracts.CodeNotFound, codes.AlreadyExists: contracts.CodeAlreadyExists,
		codes.Unavailable: contracts.CodeUnavailable, codes.DeadlineExceeded: contracts.CodeUnavailable,
		codes.Unimplemented: contracts.CodeInternal, codes.DataLoss: contracts.CodeInternal,
	} {
		err := status.Error(code, "not for clients")
		assert.Equal(t, want, contracts.AsError(err).Code, code)
		assert.Equal(t, want.Spec().Permanent, contracts.IsPermanent(err), code)
		assert.Equal(t, code == codes.Unimplemented, contracts.IsUnknownCall(fmt.Errorf("ask: %w", err)), code)
	}
	assert.False(t, contracts.IsUnknownCall(nil))
	own := contracts.NewError(contracts.CodeMethodNotAllowed, "").GRPCStatus().Err()
	assert.Equal(t, contracts.CodeMethodNotAllowed, contracts.AsError(own).Code)
}
