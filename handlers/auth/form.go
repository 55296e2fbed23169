package auth

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"unicode"

	"github.com/go-playground/validator/v10"

	"github.com/gochat/gochat/contracts"
)

// registerForm and loginForm are what people fill in. A login takes a password
// that is too short to register with for a wrong one, and names as long as the
// contract has ever allowed: limits that were made narrower must not lock out
// who was there before.
type registerForm struct {
	Username string `field:"username" validate:"username"`
	Password string `field:"password" validate:"password"`
	Nickname string `field:"nickname" validate:"omitempty,nickname"`
}

type loginForm struct {
	Username string `field:"username" validate:"known_username"`
	Password string `field:"password" validate:"known_password"`
}

// forms checks forms against the configured limits. It is safe for concurrent
// use.
type forms struct {
	validate *validator.Validate
	// checks return what a value must be, or "" when it is, by validation tag.
	checks map[string]func(string) string
}

func newForms(limits contracts.Limits) (*forms, error) {
	known := limits
	known.UsernameMin, known.UsernameMax = 1, max(limits.UsernameMax, contracts.DefaultLimits().UsernameMax)
	known.PasswordMin, known.PasswordMax = 1, bcryptMax
	f := &forms{
		validate: validator.New(validator.WithRequiredStructEnabled()),
		checks: map[string]func(string) string{
			"username": limits.CheckUsername, "password": limits.CheckPassword, "nickname": nicknameCheck(limits),
			"known_username": known.CheckUsername, "known_password": known.CheckPassword,
		},
	}
	f.validate.RegisterTagNameFunc(func(sf reflect.StructField) string { return sf.Tag.Get("field") })
	for tag, check := range f.checks {
		err := f.validate.RegisterValidation(tag, func(fl validator.FieldLevel) bool {
			return check(fl.Field().String()) == ""
		}, true)
		if err != nil {
			return nil, fmt.Errorf("register the validation %q: %w", tag, err)
		}
	}
	return f, nil
}

func nicknameCheck(limits contracts.Limits) func(string) string {
	return func(s string) string {
		if must := limits.CheckNickname(s); must != "" {
			return must
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return "no control characters"
		}
		return ""
	}
}

// check returns nil or an invalid_argument that names every wrong field.
func (f *forms) check(form any) error {
	err := f.validate.Struct(form)
	if err == nil {
		return nil
	}
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) {
		return contracts.NewError(contracts.CodeInternal, "").WithCause(fmt.Errorf("validate %T: %w", form, err))
	}
	invalid := &contracts.Error{Code: contracts.CodeInvalidArgument, Fields: make(map[string]string, len(wrong))}
	lines := make([]string, 0, len(wrong))
	for _, w := range wrong {
		value, _ := w.Value().(string)
		must := f.checks[w.Tag()](value)
		invalid.Fields[w.Field()] = must
		lines = append(lines, w.Field()+": "+must)
	}
	sort.Strings(lines)
	invalid.Message = strings.Join(lines, "; ")
	return invalid
}
