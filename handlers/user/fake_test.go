package user

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeProfiles knows ann, user 1, and counts what reaches it.
type fakeProfiles struct {
	ann    *pb.User
	err    error
	reads  int
	finds  []string
	update *pb.UpdateUserRequest
}

func (f *fakeProfiles) GetUser(_ context.Context, in *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	f.reads++
	if f.err != nil {
		return nil, f.err
	}
	if in.GetUserId() != f.ann.GetUserId() {
		return nil, contracts.NewError(contracts.CodeNotFound, "no row")
	}
	return &pb.GetUserResponse{User: f.ann}, nil
}

func (f *fakeProfiles) FindUser(_ context.Context, in *pb.FindUserRequest) (*pb.FindUserResponse, error) {
	f.finds = append(f.finds, in.GetUsername())
	if f.err != nil {
		return nil, f.err
	}
	if !strings.EqualFold(in.GetUsername(), f.ann.GetUsername()) {
		return nil, contracts.NewError(contracts.CodeNotFound, "no row")
	}
	return &pb.FindUserResponse{User: f.ann}, nil
}

func (f *fakeProfiles) UpdateUser(_ context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	f.update = in
	if f.err != nil {
		return nil, f.err
	}
	if in.GetUserId() != f.ann.GetUserId() {
		return nil, contracts.NewError(contracts.CodeNotFound, "no row")
	}
	after := proto.CloneOf(f.ann)
	if in.Nickname != nil {
		after.Nickname = in.GetNickname()
	}
	if in.AvatarUrl != nil {
		after.AvatarUrl = in.GetAvatarUrl()
	}
	return &pb.UpdateUserResponse{User: after}, nil
}

func newService(t *testing.T) (*Service, *fakeProfiles) {
	t.Helper()
	f := &fakeProfiles{ann: &pb.User{UserId: 1, Username: "ann", Nickname: "Ann", AvatarUrl: "https://example.org/ann.png"}}
	s, err := New(Config{}, f)
	if err != nil {
		t.Fatal(err)
	}
	return s, f
}

func wantCode(t *testing.T, err error, code contracts.Code) *contracts.Error {
	t.Helper()
	var e *contracts.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return e
}
