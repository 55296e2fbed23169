package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	keyOld = "an-older-secret-of-32-bytes-0000"
	keyNew = "a-newer-secret-of-32-bytes-11111"
)

// fakeStore is accounts, revocations and ids in one; errors are set per test.
type fakeStore struct {
	mu       sync.Mutex
	accounts map[string]*pb.GetCredentialsResponse
	revoked  map[string]bool
	before   map[int64]int64  // tokens of users that are revoked
	devices  map[string]int64 // when they were revoked
	checked  []*pb.CheckDeviceRequest
	asked    int
	lastID   int64

	slow time.Duration // of reading credentials

	createErr, credentialsErr, revokeErr, isRevokedErr, idErr error
}

func (f *fakeStore) CreateUser(_ context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.createErr != nil {
		return nil, f.createErr
	}
	name := strings.ToLower(in.GetUser().GetUsername())
	if f.accounts[name] != nil {
		return nil, contracts.NewError(contracts.CodeUsernameTaken, "")
	}
	f.accounts[name] = &pb.GetCredentialsResponse{User: in.GetUser(), PasswordHash: in.GetPasswordHash()}
	return &pb.CreateUserResponse{User: in.GetUser()}, nil
}

func (f *fakeStore) GetCredentials(_ context.Context, in *pb.GetCredentialsRequest) (*pb.GetCredentialsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	time.Sleep(f.slow)
	if f.credentialsErr != nil {
		return nil, f.credentialsErr
	}
	if found := f.accounts[strings.ToLower(in.GetUsername())]; found != nil {
		return &pb.GetCredentialsResponse{
			User: found.GetUser(), PasswordHash: found.GetPasswordHash(), SignedOutBefore: f.before[found.GetUser().GetUserId()],
		}, nil
	}
	return nil, contracts.NewError(contracts.CodeNotFound, "")
}

func (f *fakeStore) RevokeToken(_ context.Context, in *pb.RevokeTokenRequest) (*pb.RevokeTokenResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.revokeErr != nil {
		return nil, f.revokeErr
	}
	if in.GetUserId() <= 0 || in.GetExpiresAt() <= 0 {
		return nil, errors.New("a revocation without its user or its end")
	}
	f.revoked[in.GetTokenId()] = true
	return &pb.RevokeTokenResponse{}, nil
}

func (f *fakeStore) IsTokenRevoked(_ context.Context, in *pb.IsTokenRevokedRequest) (*pb.IsTokenRevokedResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.before[in.GetUserId()]
	return &pb.IsTokenRevokedResponse{Revoked: f.revoked[in.GetTokenId()] || in.GetIssuedAt() < before, SignedOutBefore: before}, f.isRevokedErr
}

func (f *fakeStore) SignOut(_ context.Context, in *pb.SignOutRequest) (*pb.SignOutResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.revokeErr != nil {
		return nil, f.revokeErr
	}
	f.before[in.GetUserId()] = max(f.before[in.GetUserId()], in.GetBefore())
	return &pb.SignOutResponse{Before: f.before[in.GetUserId()]}, nil
}

func (f *fakeStore) CheckTokens(_ context.Context, in *pb.CheckTokensRequest) (*pb.CheckTokensResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.CheckTokensResponse{}
	for _, t := range in.GetTokens() {
		out.Refused = append(out.Refused, f.revoked[t.GetTokenId()])
	}
	return out, f.isRevokedErr
}

func (f *fakeStore) CheckDevice(_ context.Context, in *pb.CheckDeviceRequest) (*pb.CheckDeviceResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked = append(f.checked, in)
	return &pb.CheckDeviceResponse{TokenRevoked: f.revoked[in.GetTokenId()], RevokedAt: f.devices[in.GetDeviceId()]}, f.isRevokedErr
}

func (f *fakeStore) Next() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	return f.lastID, f.idErr
}

// fakeHasher is quick and counts; with a gate each comparison waits at it.
type fakeHasher struct {
	mu               sync.Mutex
	hashes, compares int
	compared         []string
	err              error
	gate             chan struct{}
}

func (h *fakeHasher) Hash(password string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hashes++
	return "hash of " + password, h.err
}

func (h *fakeHasher) Matches(hash, password string) (bool, error) {
	h.mu.Lock()
	h.compares++
	h.compared = append(h.compared, hash)
	err := h.err
	h.mu.Unlock()
	if h.gate != nil {
		<-h.gate
	}
	if !strings.HasPrefix(hash, "hash of ") {
		return false, errors.New("not a hash")
	}
	return hash == "hash of "+password, err
}

func (h *fakeHasher) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.compares
}

type notified struct {
	to  []contracts.UserID
	d   *pb.Delivery
	err error // of the context the call was made with
}

type fakeNotifier struct {
	mu   sync.Mutex
	sent []notified
	err  error
}

func (n *fakeNotifier) Notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a notification without a deadline")
	}
	n.sent = append(n.sent, notified{to: to, d: d, err: ctx.Err()})
	return n.err
}

// bench is a service with its fakes.
type bench struct {
	*Service
	store  *fakeStore
	hasher *fakeHasher
	notes  *fakeNotifier
}

func config() Config {
	return Config{Keys: map[string]string{"old": keyOld, "new": keyNew}, ActiveKey: "new", HashWorkers: 2, HashQueue: 2}
}

func newBench(t testing.TB, change ...func(*Config)) *bench {
	t.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	b := &bench{
		store:  &fakeStore{accounts: map[string]*pb.GetCredentialsResponse{}, revoked: map[string]bool{}, before: map[int64]int64{}, devices: map[string]int64{}},
		hasher: &fakeHasher{}, notes: &fakeNotifier{},
	}
	s, err := New(cfg, Deps{Accounts: b.store, Revocations: b.store, Devices: b.store, Notifier: b.notes, IDs: b.store, Hasher: b.hasher})
	if err != nil {
		t.Fatal(err)
	}
	b.Service = s
	return b
}

// ann registers and returns her grant.
func (b *bench) ann(t testing.TB) *pb.Grant {
	t.Helper()
	resp, err := b.Register(t.Context(), &pb.RegisterRequest{Username: "ann", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetGrant()
}

func wantCode(t *testing.T, err error, code contracts.Code) *contracts.Error {
	t.Helper()
	var e *contracts.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return e
}
