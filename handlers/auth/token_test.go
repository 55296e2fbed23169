package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// forge signs a token with the right key unless told otherwise. A nil value
// takes a claim or a header away.
func forge(t testing.TB, method jwt.SigningMethod, key any, header, change map[string]any) string {
	t.Helper()
	now := time.Now()
	c := jwt.MapClaims{"user_id": "7", "jti": "token-7", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	tok := jwt.NewWithClaims(method, c)
	tok.Header["kid"] = "new"
	isNil := func(_ string, v any) bool { return v == nil }
	maps.Copy(tok.Header, header)
	maps.DeleteFunc(tok.Header, isNil)
	maps.Copy(c, change)
	maps.DeleteFunc(c, isNil)
	signed, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

type change = map[string]any

// signText signs a header and a payload as they are, JSON or not.
func signText(t testing.TB, header, payload string) string {
	t.Helper()
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload))
	sig, err := jwt.SigningMethodHS256.Sign(text, []byte(keyNew))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

func TestAuthenticateAccepts(t *testing.T) {
	good := []byte(keyNew)
	for what, signed := range map[string]string{
		"the active key":            forge(t, jwt.SigningMethodHS256, good, nil, nil),
		"the key before it":         forge(t, jwt.SigningMethodHS256, []byte(keyOld), change{"kid": "old"}, nil),
		"the longest jti":           forge(t, jwt.SigningMethodHS256, good, nil, change{"jti": strings.Repeat("j", maxTokenID)}),
		"the largest user id":       forge(t, jwt.SigningMethodHS256, good, nil, change{"user_id": "9223372036854775807"}),
		"signed text":               signText(t, `{"alg":"HS256","kid":"new"}`, `{"user_id":"7","jti":"x","exp":9999999999}`),
		"claims that are not known": forge(t, jwt.SigningMethodHS256, good, nil, change{"role": "admin"}),
	} {
		b := newBench(t)
		if _, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: signed}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// forgedTokens are tokens that say what none of ours says, or are signed as none of ours is.
func forgedTokens(t *testing.T) map[string]string {
	t.Helper()
	good := []byte(keyNew)
	hs256 := jwt.SigningMethodHS256
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Second).Unix()
	return map[string]string{
		"alg None":                           signText(t, `{"alg":"None","kid":"new"}`, `{"user_id":"7","jti":"x","exp":9999999999}`),
		"alg RS256":                          forge(t, jwt.SigningMethodRS256, rsaKey, nil, nil),
		"alg HS384 with our key":             forge(t, jwt.SigningMethodHS384, good, nil, nil),
		"alg HS512 with our key":             forge(t, jwt.SigningMethodHS512, good, nil, nil),
		"no alg":                             forge(t, hs256, good, change{"alg": nil}, nil),
		"no kid":                             forge(t, hs256, good, change{"kid": nil}, nil),
		"empty kid":                          forge(t, hs256, good, change{"kid": ""}, nil),
		"kid of no text":                     forge(t, hs256, good, change{"kid": 1}, nil),
		"kid of a list":                      forge(t, hs256, good, change{"kid": []string{"new"}}, nil),
		"unknown kid":                        forge(t, hs256, good, change{"kid": "newer"}, nil),
		"kid of another of our keys":         forge(t, hs256, good, change{"kid": "old"}, nil),
		"another key":                        forge(t, hs256, []byte("another-secret-of-32-bytes-22222"), nil, nil),
		"empty key":                          forge(t, hs256, []byte{}, nil, nil),
		"no jti":                             forge(t, hs256, good, nil, change{"jti": nil}),
		"empty jti":                          forge(t, hs256, good, nil, change{"jti": ""}),
		"jti one too long":                   forge(t, hs256, good, nil, change{"jti": strings.Repeat("j", maxTokenID+1)}),
		"jti of no text":                     forge(t, hs256, good, nil, change{"jti": 7}),
		"no user_id":                         forge(t, hs256, good, nil, change{"user_id": nil}),
		"empty user_id":                      forge(t, hs256, good, nil, change{"user_id": ""}),
		"user_id 0":                          forge(t, hs256, good, nil, change{"user_id": "0"}),
		"negative user_id":                   forge(t, hs256, good, nil, change{"user_id": "-7"}),
		"user_id with a zero":                forge(t, hs256, good, nil, change{"user_id": "07"}),
		"user_id of a number":                forge(t, hs256, good, nil, change{"user_id": 7}),
		"user_id over 64 bits":               forge(t, hs256, good, nil, change{"user_id": "9223372036854775808"}),
		"sub instead of user_id":             forge(t, hs256, good, nil, change{"user_id": nil, "sub": "7"}),
		"no exp":                             forge(t, hs256, good, nil, change{"exp": nil}),
		"exp of text":                        forge(t, hs256, good, nil, change{"exp": "tomorrow"}),
		"exp 0":                              forge(t, hs256, good, nil, change{"exp": 0}),
		"expired":                            forge(t, hs256, good, nil, change{"exp": past}),
		"not valid yet":                      forge(t, hs256, good, nil, change{"nbf": time.Now().Add(time.Hour).Unix()}),
		"claims null":                        signText(t, `{"alg":"HS256","kid":"new"}`, `null`),
		"claims of a list":                   signText(t, `{"alg":"HS256","kid":"new"}`, `[]`),
		"claims of no JSON":                  signText(t, `{"alg":"HS256","kid":"new"}`, `{`),
		"header null":                        signText(t, `null`, `{"user_id":"7","jti":"x","exp":9999999999}`),
		"valid, but longer than any of ours": forge(t, hs256, good, nil, change{"more": strings.Repeat("m", maxToken)}),
	}
}

// mangledTokens are made of tokens of ours, or are no tokens at all.
func mangledTokens(t *testing.T) map[string]string {
	t.Helper()
	hs256 := jwt.SigningMethodHS256
	valid := forge(t, hs256, []byte(keyNew), nil, nil)
	parts := strings.Split(valid, ".")
	unsigned := forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil)
	// The last of the 43 characters has two unused bits: to a decoder that ignores them, four spellings are one
	// signature.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(valid) - 1
	respelled := valid[:last] + string(alphabet[strings.IndexByte(alphabet, valid[last])+1])
	return map[string]string{
		"alg none":                        unsigned,
		"alg none with a signature":       unsigned + parts[2],
		"claims of another token":         parts[0] + "." + strings.Split(forge(t, hs256, []byte(keyOld), nil, change{"user_id": "8"}), ".")[1] + "." + parts[2],
		"no signature":                    parts[0] + "." + parts[1] + ".",
		"two parts":                       parts[0] + "." + parts[1],
		"four parts":                      valid + ".x",
		"a signature cut short":           valid[:len(valid)-2],
		"the signature spelled otherwise": respelled,
		"a space before":                  " " + valid,
		"padding":                         valid + "=",
		"nothing":                         "",
		"dots":                            "..",
		"a megabyte":                      strings.Repeat("a", 1<<20),
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	tests := forgedTokens(t)
	maps.Copy(tests, mangledTokens(t))
	for what, signed := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			resp, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: signed})
			if resp != nil {
				t.Errorf("got %v", resp)
			}
			e := wantCode(t, err, contracts.CodeUnauthenticated)
			if e.Message != contracts.CodeUnauthenticated.Spec().Message {
				t.Errorf("the client is told %q", e.Message)
			}
			_, err = b.Logout(t.Context(), &pb.LogoutRequest{Token: signed})
			wantCode(t, err, contracts.CodeUnauthenticated)
			if len(b.notes.sent) != 0 || len(b.store.revoked) != 0 {
				t.Error("a forged token closes sockets or fills the list of revoked tokens")
			}
		})
	}
}

func TestTokenLivesItsTimeAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.TokenTTL = time.Hour })
		grant := b.ann(t)
		if got := time.UnixMilli(grant.GetExpiresAt()); !got.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("expires at %s, an hour from %s", got, time.Now())
		}
		ask := func() error {
			_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()})
			return err
		}
		time.Sleep(time.Hour - time.Millisecond)
		if err := ask(); err != nil {
			t.Errorf("just before it expires: %v", err)
		}
		time.Sleep(time.Millisecond)
		wantCode(t, ask(), contracts.CodeUnauthenticated)
	})
}

func TestKeyRotation(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ActiveKey = "old" })
	signed := b.ann(t).GetToken()
	if _, err := newBench(t).Authenticate(t.Context(), &pb.AuthenticateRequest{Token: signed}); err != nil {
		t.Errorf("after another key became active: %v", err)
	}
	without := newBench(t, func(c *Config) { delete(c.Keys, "old") })
	_, err := without.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: signed})
	wantCode(t, err, contracts.CodeUnauthenticated)
}

func TestTokenHasWhatTheContractNames(t *testing.T) {
	b := newBench(t)
	a, c := strings.Split(b.ann(t).GetToken(), "."), map[string]any{}
	for _, part := range a[:2] {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = json.Unmarshal(raw, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if c["alg"] != "HS256" || c["kid"] != "new" || c["user_id"] != "1" {
		t.Errorf("token says %v", c)
	}
	exp, _ := c["exp"].(float64)
	iat, _ := c["iat"].(float64)
	if jti, _ := c["jti"].(string); jti == "" || exp-iat != (7*24*time.Hour).Seconds() {
		t.Errorf("token says %v", c)
	}
}

// FuzzAuthenticate: whatever is sent, the answer is yes or unauthenticated, and nobody gets in without a
// signature by one of our keys.
func FuzzAuthenticate(f *testing.F) {
	good := forge(f, jwt.SigningMethodHS256, []byte(keyNew), nil, nil)
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "", "..", "a.b.c", parts[0] + "." + parts[1] + ".", good + ".", strings.ToUpper(good),
		forge(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		forge(f, jwt.SigningMethodHS512, []byte(keyNew), nil, nil),
		forge(f, jwt.SigningMethodHS256, []byte(keyOld), change{"kid": "old"}, nil),
		forge(f, jwt.SigningMethodHS256, []byte(keyNew), change{"kid": nil}, change{"jti": nil, "exp": nil}),
		signText(f, `{"alg":"HS256","kid":"new"}`, `null`), signText(f, `null`, `null`),
		signText(f, `{"alg":"HS256","kid":"new","crit":["b64"],"b64":false}`, `{"exp":1e400}`),
		signText(f, `{"alg":"HS256","kid":{}}`, `{"exp":-1,"user_id":{},"jti":[]}`),
	} {
		f.Add(seed)
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, signed string) {
		resp, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: signed})
		if err != nil {
			wantCode(t, err, contracts.CodeUnauthenticated)
			if resp != nil {
				t.Errorf("both %v and %v", resp, err)
			}
			return
		}
		if resp.GetUserId() <= 0 || resp.GetTokenId() == "" || resp.GetExpiresAt() <= time.Now().UnixMilli()-1000 {
			t.Errorf("accepted as %v", resp)
		}
		if !signedByUs(signed) {
			t.Errorf("%q is accepted, and no key of ours signed it", signed)
		}
	})
}

// signedByUs checks a signature with nothing of the parser under test.
func signedByUs(signed string) bool {
	cut := strings.LastIndexByte(signed, '.')
	if cut < 0 {
		return false
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signed[cut+1:])
	for _, key := range []string{keyOld, keyNew} {
		if err == nil && jwt.SigningMethodHS256.Verify(signed[:cut], sig, []byte(key)) == nil {
			return true
		}
	}
	return false
}

func TestSignedByUs(t *testing.T) {
	if !signedByUs(forge(t, jwt.SigningMethodHS256, []byte(keyOld), nil, nil)) || signedByUs("a.b.c") {
		t.Error("the fuzz test's own check is wrong")
	}
}
