package user

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestNewNeedsProfiles(t *testing.T) {
	if _, err := New(Config{}, nil); err == nil {
		t.Error("no error")
	}
}

func TestNewRefusesLimitsThatNothingFits(t *testing.T) {
	for what, breakIt := range map[string]func(*contracts.Limits){
		"nickname_max":   func(l *contracts.Limits) { l.NicknameMax = 0 },
		"avatar_url_max": func(l *contracts.Limits) { l.AvatarURLMax = -1 },
	} {
		limits := contracts.DefaultLimits()
		breakIt(&limits)
		if _, err := New(Config{Limits: limits}, &fakeProfiles{}); err == nil {
			t.Errorf("a wrong %s is taken", what)
		}
	}
	none := contracts.DefaultLimits()
	none.AvatarURLMax = 0
	if _, err := New(Config{Limits: none}, &fakeProfiles{}); err != nil {
		t.Errorf("a service without avatars: %v", err)
	}
}

func TestGetProfile(t *testing.T) {
	tests := map[string]struct {
		caller, user int64
		want         contracts.Code
	}{
		"oneself":        {1, 1, ""},
		"somebody else":  {2, 1, ""},
		"nobody":         {1, 3, contracts.CodeNotFound},
		"id 0":           {1, 0, contracts.CodeNotFound},
		"negative id":    {1, -1, contracts.CodeNotFound},
		"without caller": {0, 1, contracts.CodeUnauthenticated},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, f := newService(t)
			resp, err := s.GetProfile(t.Context(), &pb.GetProfileRequest{CallerId: tt.caller, UserId: tt.user})
			if tt.want != "" {
				if e := wantCode(t, err, tt.want); strings.Contains(e.Message, "row") {
					t.Errorf("the client is told the store's words: %q", e.Message)
				}
				return
			}
			if err != nil || !proto.Equal(resp.GetUser(), f.ann) {
				t.Errorf("got %v, %v", resp, err)
			}
		})
	}
}

func TestFindByName(t *testing.T) {
	tests := map[string]struct {
		name  string
		found bool
		asks  bool
		want  contracts.Code
	}{
		"exact":                   {"ann", true, true, ""},
		"another case":            {"ANN", true, true, ""},
		"a prefix":                {"an", false, true, ""},
		"a pattern":               {"an%", false, false, ""},
		"an SQL pattern of one":   {"an_", false, true, ""},
		"with a space":            {"ann ", false, false, ""},
		"longest that can exist":  {strings.Repeat("a", 255), false, true, ""},
		"one longer than any":     {strings.Repeat("a", 256), false, false, ""},
		"shorter than one can be": {"a", false, true, ""},
		"no name":                 {"", false, false, contracts.CodeInvalidArgument},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, f := newService(t)
			resp, err := s.FindByName(t.Context(), &pb.FindByNameRequest{CallerId: 2, Username: tt.name})
			if asks := len(f.finds) == 1; asks != tt.asks {
				t.Errorf("the store is asked: %t, want %t", asks, tt.asks)
			}
			if tt.want != "" {
				if e := wantCode(t, err, tt.want); e.Fields["username"] == "" {
					t.Errorf("fields are %v", e.Fields)
				}
				return
			}
			want := 0
			if tt.found {
				want = 1
			}
			if err != nil || len(resp.GetUsers()) != want || tt.found && !proto.Equal(resp.GetUsers()[0], f.ann) {
				t.Errorf("got %v, %v; want %d users", resp, err, want)
			}
		})
	}
}

// profileUpdate has the new fields of a profile, and the names of those that are wrong.
type profileUpdate struct {
	nickname, avatar *string
	wrong            []string
}

func profileUpdates() map[string]profileUpdate {
	const base = "https://example.org/"
	set := proto.String
	return map[string]profileUpdate{
		"nickname at the shortest":   {set("A"), nil, nil},
		"empty nickname":             {set(""), nil, []string{"nickname"}},
		"nickname at the longest":    {set(strings.Repeat("ä", 64)), nil, nil},
		"nickname one too long":      {set(strings.Repeat("ä", 65)), nil, []string{"nickname"}},
		"nickname of no UTF-8":       {set("\xff"), nil, []string{"nickname"}},
		"nickname with a tab":        {set("A\tB"), nil, []string{"nickname"}},
		"nickname with a null byte":  {set("A\x00"), nil, []string{"nickname"}},
		"picture over https":         {nil, set(base + "a.png?size=1#x"), nil},
		"picture over http":          {nil, set("http://127.0.0.1:8080/a.png"), nil},
		"scheme in upper case":       {nil, set("HTTPS://example.org/"), nil},
		"no picture":                 {nil, set(""), nil},
		"address at the longest":     {nil, set(base + strings.Repeat("a", 2048-len(base))), nil},
		"address one too long":       {nil, set(base + strings.Repeat("a", 2049-len(base))), []string{"avatarUrl"}},
		"javascript":                 {nil, set("javascript:alert(1)"), []string{"avatarUrl"}},
		"javascript with a host":     {nil, set("javascript://example.org/%0aalert(1)"), []string{"avatarUrl"}},
		"another scheme with a host": {nil, set("ftp://example.org/a.png"), []string{"avatarUrl"}},
		"data":                       {nil, set("data:image/png;base64,AAAA"), []string{"avatarUrl"}},
		"file":                       {nil, set("file:///etc/passwd"), []string{"avatarUrl"}},
		"path only":                  {nil, set("/a.png"), []string{"avatarUrl"}},
		"no scheme":                  {nil, set("//example.org/a.png"), []string{"avatarUrl"}},
		"no host":                    {nil, set("https:///a.png"), []string{"avatarUrl"}},
		"port without host":          {nil, set("https://:80/a.png"), []string{"avatarUrl"}},
		"opaque":                     {nil, set("https:example.org"), []string{"avatarUrl"}},
		"a quote, to leave the HTML": {nil, set(base + `"onload=x`), []string{"avatarUrl"}},
		"an angle bracket":           {nil, set(base + "<script>"), []string{"avatarUrl"}},
		"a backslash":                {nil, set(`https:\\example.org`), []string{"avatarUrl"}},
		"a space":                    {nil, set(base + "a b"), []string{"avatarUrl"}},
		"a line break":               {nil, set(base + "\r\n"), []string{"avatarUrl"}},
		"address of no UTF-8":        {nil, set(base + "\xff"), []string{"avatarUrl"}},
		"both":                       {set("Anna"), set(base), nil},
		"both wrong":                 {set(""), set("x"), []string{"avatarUrl", "nickname"}},
		"one of both wrong":          {set("Anna"), set("x"), []string{"avatarUrl"}},
	}
}

func TestUpdateProfileRules(t *testing.T) {
	for what, tt := range profileUpdates() {
		t.Run(what, func(t *testing.T) {
			s, f := newService(t)
			resp, err := s.UpdateProfile(t.Context(), &pb.UpdateProfileRequest{CallerId: 1, Nickname: tt.nickname, AvatarUrl: tt.avatar})
			if tt.wrong != nil {
				e := wantCode(t, err, contracts.CodeInvalidArgument)
				if got := slices.Sorted(maps.Keys(e.Fields)); !slices.Equal(got, tt.wrong) {
					t.Errorf("wrong fields are %q, want %q", got, tt.wrong)
				}
				for _, field := range tt.wrong {
					if e.Fields[field] == "" || !strings.Contains(e.Message, field+": "+e.Fields[field]) {
						t.Errorf("the message %q does not say what %s must be (%q)", e.Message, field, e.Fields[field])
					}
				}
				if f.update != nil {
					t.Error("a part was changed")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := proto.CloneOf(f.ann)
			if tt.nickname != nil {
				want.Nickname = *tt.nickname
			}
			if tt.avatar != nil {
				want.AvatarUrl = *tt.avatar
			}
			if !proto.Equal(resp.GetUser(), want) || f.update.GetUserId() != 1 {
				t.Errorf("got %v, want %v", resp.GetUser(), want)
			}
		})
	}
}

func TestUpdateProfileOfNothingReads(t *testing.T) {
	s, f := newService(t)
	resp, err := s.UpdateProfile(t.Context(), &pb.UpdateProfileRequest{CallerId: 1})
	if err != nil || !proto.Equal(resp.GetUser(), f.ann) || f.update != nil {
		t.Errorf("got %v, %v after %v", resp, err, f.update)
	}
}

// verbs are all calls, made by a caller.
func verbs(s *Service) map[string]func(ctx context.Context, caller int64) error {
	return map[string]func(context.Context, int64) error{
		"GetProfile": func(ctx context.Context, caller int64) error {
			_, err := s.GetProfile(ctx, &pb.GetProfileRequest{CallerId: caller, UserId: 1})
			return err
		},
		"FindByName": func(ctx context.Context, caller int64) error {
			_, err := s.FindByName(ctx, &pb.FindByNameRequest{CallerId: caller, Username: "ann"})
			return err
		},
		"UpdateProfile": func(ctx context.Context, caller int64) error {
			_, err := s.UpdateProfile(ctx, &pb.UpdateProfileRequest{CallerId: caller, Nickname: proto.String("A")})
			return err
		},
		"UpdateProfile of nothing": func(ctx context.Context, caller int64) error {
			_, err := s.UpdateProfile(ctx, &pb.UpdateProfileRequest{CallerId: caller})
			return err
		},
	}
}

func TestEveryVerbNeedsACaller(t *testing.T) {
	for _, caller := range []int64{0, -1} {
		s, f := newService(t)
		for what, call := range verbs(s) {
			t.Run(what, func(t *testing.T) {
				wantCode(t, call(t.Context(), caller), contracts.CodeUnauthenticated)
				if f.reads+len(f.finds) != 0 || f.update != nil {
					t.Error("the store was asked")
				}
			})
		}
	}
}

func TestUpdateProfileOfNobody(t *testing.T) {
	s, _ := newService(t)
	for _, nickname := range []*string{nil, proto.String("A")} {
		_, err := s.UpdateProfile(t.Context(), &pb.UpdateProfileRequest{CallerId: 3, Nickname: nickname})
		wantCode(t, err, contracts.CodeNotFound)
	}
}

func TestEveryVerbWhenTheStoreFails(t *testing.T) {
	tests := map[string]struct {
		cause error
		want  contracts.Code
	}{
		"down":           {contracts.NewError(contracts.CodeUnavailable, ""), contracts.CodeUnavailable},
		"too slow":       {context.DeadlineExceeded, contracts.CodeUnavailable},
		"broken":         {errors.New("no such column"), contracts.CodeInternal},
		"refuses us":     {contracts.NewError(contracts.CodeUnauthenticated, ""), contracts.CodeInternal},
		"finds us wrong": {contracts.Invalid("user_id", "set"), contracts.CodeInternal},
	}
	for why, tt := range tests {
		s, f := newService(t)
		f.err = tt.cause
		for what, call := range verbs(s) {
			t.Run(why+"/"+what, func(t *testing.T) {
				e := wantCode(t, call(t.Context(), 1), tt.want)
				if !errors.Is(e, tt.cause) || len(e.Fields) != 0 || e.Message != tt.want.Spec().Message {
					t.Errorf("got %v with %v: want the cause for the log and nothing of it for the client", e, e.Fields)
				}
			})
		}
	}
}
