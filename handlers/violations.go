package handlers

import (
	"strings"

	"github.com/gochat/gochat/contracts"
)

// Violations gathers what is wrong with the fields of a call, so that a client hears of all of them
// at once. Services check calls by hand: what a value must be is said by a function of contracts,
// or of the service, that returns "" for a value which is so. A call in which only one thing can be
// wrong returns [contracts.Invalid]. The zero value is ready.
type Violations struct {
	lines  []string
	fields map[string]string
}

// Check notes what a field must be; "" when it is so.
func (v *Violations) Check(field, must string) {
	if must == "" {
		return
	}
	if v.fields == nil {
		v.fields = map[string]string{}
	}
	v.lines, v.fields[field] = append(v.lines, field+": "+must), must
}

// Err returns nil, or an invalid_argument that names every wrong field.
func (v *Violations) Err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &contracts.Error{Code: contracts.CodeInvalidArgument, Message: strings.Join(v.lines, "; "), Fields: v.fields}
}
