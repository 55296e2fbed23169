package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gochat/gochat/contracts"
)

const (
	minSecret  = 32   // bytes; a shorter key is weaker than HMAC-SHA-256 itself
	maxToken   = 4096 // bytes; ours have about 250
	maxTokenID = 64   // bytes
)

var (
	kidPattern = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

	errToken = errors.New("not a token of ours")
)

// token is what a checked JWT says.
type token struct {
	user    contracts.UserID
	id      string
	issued  time.Time // the zero of Unix time when the token does not say
	expires time.Time
}

// issuedAt is in Unix milliseconds.
func (t token) issuedAt() int64 { return t.issued.UnixMilli() }

type claims struct {
	UserID string `json:"user_id"`
	// IssuedAtMillis is iat in milliseconds. By iat, which has whole seconds, a token that was issued just
	// after its device's revocation would seem to be older than the revocation.
	IssuedAtMillis int64 `json:"iat_ms,omitempty"`
	jwt.RegisteredClaims
}

// issued returns when the token was issued: by iat_ms, else the start of iat's second, else the Unix epoch.
func (c *claims) issued() time.Time {
	switch {
	case c.IssuedAtMillis > 0:
		return time.UnixMilli(c.IssuedAtMillis)
	case c.IssuedAt != nil:
		return c.IssuedAt.Time
	}
	return time.Unix(0, 0)
}

// keyring signs and checks tokens. It never changes.
type keyring struct {
	secrets   map[string][]byte
	active    string
	ttl       time.Duration
	parser    *jwt.Parser
	validator *jwt.Validator
}

func newKeyring(keys map[string]string, active string, ttl time.Duration) (*keyring, error) {
	secrets := make(map[string][]byte, len(keys))
	for kid, secret := range keys {
		if !kidPattern.MatchString(kid) {
			return nil, fmt.Errorf("key id %q: it must be 1 to 64 of a-z, 0-9, _ -", kid)
		}
		if len(secret) < minSecret {
			return nil, fmt.Errorf("secret of key %q has %d bytes: it must have at least %d", kid, len(secret), minSecret)
		}
		secrets[kid] = []byte(secret)
	}
	if _, ok := secrets[active]; !ok {
		return nil, fmt.Errorf("active_key %q is not one of the keys", active)
	}
	return &keyring{
		secrets: secrets, active: active, ttl: ttl,
		// Claims are validated after parsing, on our own struct: the parser would
		// run into a nil pointer for claims that are JSON null.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
		validator: jwt.NewValidator(jwt.WithExpirationRequired()),
	}, nil
}

// issue signs a token with the active key and returns it with its expiry. Tokens issued before notBefore, in
// Unix milliseconds, are revoked, so the token is dated no earlier, even when this process's clock is behind.
func (k *keyring) issue(user contracts.UserID, now time.Time, notBefore int64) (string, time.Time, error) {
	// Whole seconds, as the claim has them.
	expires := now.Add(k.ttl).Truncate(time.Second)
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		UserID: user.String(), IssuedAtMillis: max(now.UnixMilli(), notBefore),
		RegisteredClaims: jwt.RegisteredClaims{
			ID: rand.Text(), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
	})
	t.Header["kid"] = k.active
	signed, err := t.SignedString(k.secrets[k.active])
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign: %w", err)
	}
	return signed, expires, nil
}

// parse checks form, algorithm, key, signature and expiry. The result is not cached: a check costs less than
// the lookup of revocations that follows it.
func (k *keyring) parse(signed string) (token, error) {
	if len(signed) > maxToken {
		return token{}, fmt.Errorf("%w: it has %d bytes", errToken, len(signed))
	}
	c := &claims{}
	if _, err := k.parser.ParseWithClaims(signed, c, k.secret); err != nil {
		return token{}, fmt.Errorf("%w: %w", errToken, err)
	}
	if err := k.validator.Validate(c); err != nil {
		return token{}, fmt.Errorf("%w: %w", errToken, err)
	}
	if c.ID == "" || len(c.ID) > maxTokenID {
		return token{}, fmt.Errorf("%w: its jti has %d bytes", errToken, len(c.ID))
	}
	user, err := contracts.ParseUserID(c.UserID)
	if err != nil {
		return token{}, fmt.Errorf("%w: user_id: %w", errToken, err)
	}
	return token{user: user, id: c.ID, issued: c.issued(), expires: c.ExpiresAt.Time}, nil
}

func (k *keyring) secret(t *jwt.Token) (any, error) {
	kid, ok := t.Header["kid"].(string)
	if !ok {
		return nil, errors.New("it names no key")
	}
	secret, ok := k.secrets[kid]
	if !ok {
		return nil, errors.New("it names a key that is not ours")
	}
	return secret, nil
}
