package handlers

import (
	"strings"

	"github.com/gochat/gochat/contracts"
)

// Violations gathers what is wrong with the fields of a call, so that a client hears of all of them at once. A
// function of contracts, or of the service, checks each value and returns what the value must be, or "" when it
// is right; Check takes that text. A call in which only one field can be wrong returns [contracts.Invalid]
// instead. The zero value is ready.
type Violations struct {
	lines  []string
	fields map[string]string
}

// Check notes that field is wrong and what its value must be; an empty must says that the value is right.
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
