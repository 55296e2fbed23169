package handlers

import (
	"fmt"

	"github.com/gochat/gochat/contracts"
)

// StoreError returns the client's error for a failure of the store that the calling verb does not handle:
// unavailable when the store is unavailable, else internal. Any other code of the store (invalid_argument,
// unauthenticated) is about this server's call and not about the client's. doing names the failed work, for
// logs.
func StoreError(err error, doing string) error {
	code := contracts.CodeInternal
	if HasCode(err, contracts.CodeUnavailable) {
		code = contracts.CodeUnavailable
	}
	return contracts.NewError(code, "").WithCause(fmt.Errorf("%s: %w", doing, err))
}

// HasCode reports whether err is, for a client, an error of that code.
func HasCode(err error, code contracts.Code) bool { return contracts.AsError(err).Code == code }

// CheckCaller returns an unauthenticated error when id is not positive: the call names no caller.
func CheckCaller(id int64) error {
	if id <= 0 {
		return contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	return nil
}
