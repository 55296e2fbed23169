package auth

import (
	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// forms checks what people fill in to register and to log in. A login takes shorter and longer names and
// passwords than a registration: limits that were made narrower must not lock out users who registered before,
// and a password that is too short is just a wrong one.
type forms struct{ register, login contracts.Limits }

func newForms(limits contracts.Limits) forms {
	known := limits
	known.UsernameMin, known.UsernameMax = 1, max(limits.UsernameMax, contracts.DefaultLimits().UsernameMax)
	known.PasswordMin, known.PasswordMax = 1, bcryptMax
	return forms{register: limits, login: known}
}

// checkRegister returns nil or an invalid_argument that names every wrong field. Without a nickname
// the username is shown.
func (f forms) checkRegister(in *pb.RegisterRequest) error {
	var wrong handlers.Violations
	if in.GetNickname() != "" {
		wrong.Check("nickname", f.register.CheckNickname(in.GetNickname()))
	}
	wrong.Check("password", f.register.CheckPassword(in.GetPassword()))
	wrong.Check("username", f.register.CheckUsername(in.GetUsername()))
	return wrong.Err()
}

// checkLogin returns nil or an invalid_argument that names every wrong field.
func (f forms) checkLogin(in *pb.LoginRequest) error {
	var wrong handlers.Violations
	wrong.Check("password", f.login.CheckPassword(in.GetPassword()))
	wrong.Check("username", f.login.CheckUsername(in.GetUsername()))
	return wrong.Err()
}
