package handlers

import (
	"fmt"

	"github.com/gochat/gochat/contracts"
)

// StoreError is what a client is told when the store failed in a way that no verb expects:
// unavailable or internal. Whatever else the store says (invalid_argument, unauthenticated) is
// about our call, not about the client's. doing says what was done, for logs.
func StoreError(err error, doing string) error {
	code := contracts.CodeInternal
	if HasCode(err, contracts.CodeUnavailable) {
		code = contracts.CodeUnavailable
	}
	return contracts.NewError(code, "").WithCause(fmt.Errorf("%s: %w", doing, err))
}

// HasCode reports whether err is, for a client, an error of that code.
func HasCode(err error, code contracts.Code) bool { return contracts.AsError(err).Code == code }

// CheckCaller is unauthenticated for a call that names no caller.
func CheckCaller(id int64) error {
	if id <= 0 {
		return contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	return nil
}
