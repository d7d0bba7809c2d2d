// Package auth verifies bearer tokens (JWT, RFC 7519) and mints them for development.
//
// An algorithm is bound to the key that it is used with: the shared secret verifies HS256 and
// nothing else, a public key of a key set verifies the one algorithm of its type. A token that was
// verified once is remembered until it expires, so that verifying it again costs a map look-up.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Leeway is how far the clocks of issuer and server may be apart.
const Leeway = 5 * time.Second

// MaxToken is the length in bytes of the longest token that is looked at.
const MaxToken = 8 << 10

// MinSecret is the length in bytes of the shortest HS256 secret (RFC 7518, 3.2).
const MinSecret = 32

// Config says what tokens are verified with. Secret, JWKS or both are required.
type Config struct {
	Secret   []byte       // HS256 key, at least MinSecret bytes; nil: none
	JWKS     string       // URL of a key set for RS256, ES256, EdDSA; "": none. https, or http on loopback
	Issuer   string       // required `iss`; "": not checked
	Audience string       // required `aud`; "": not checked
	Logger   *slog.Logger // default slog.Default()

	now func() time.Time // for tests; default time.Now
}

// Verifier verifies tokens. Make one with New. It is safe for concurrent use.
type Verifier struct {
	secret []byte
	keys   *keySet // nil: no JWKS
	parser *jwt.Parser
	now    func() time.Time
	seen   *seen
}

// New returns a Verifier. With JWKS the key set is fetched before New returns; should that fail, the
// Verifier answers fault.Unavailable until a later fetch succeeds. The set is fetched again in the
// background until ctx ends. The error says which part of cfg is wrong.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	var methods []string
	switch {
	case cfg.Secret == nil && cfg.JWKS == "":
		return nil, errors.New("tokens cannot be verified: give a shared secret or the URL of a key set")
	case cfg.Secret != nil && len(cfg.Secret) < MinSecret:
		return nil, errShortSecret
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	v := &Verifier{secret: cfg.Secret, now: cfg.now, seen: newSeen()}
	if cfg.Secret != nil {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if cfg.JWKS != "" {
		keys, err := newKeySet(ctx, cfg.JWKS, cfg.Logger, v.seen.forget)
		if err != nil {
			return nil, err
		}
		v.keys = keys
		methods = append(methods, jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg())
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(Leeway),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(cfg.now),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	v.parser = jwt.NewParser(options...)
	return v, nil
}

// Verify returns the claims of a token. The claims are shared between callers. The error is a
// *fault.Error: Unauthenticated, or Unavailable where no key set could be fetched yet.
func (v *Verifier) Verify(ctx context.Context, token string) (*model.Claims, error) {
	if len(token) > MaxToken {
		return nil, fault.New(fault.Unauthenticated, "The token is longer than %d bytes.", MaxToken)
	}
	if claims := v.seen.get(token, v.now()); claims != nil {
		return claims, nil
	}
	era := v.seen.now()
	decoded := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, decoded, func(t *jwt.Token) (any, error) { return v.keyFor(ctx, t) }); err != nil {
		return nil, refusal(err)
	}
	claims, err := claimsOf(decoded, token)
	if err != nil {
		return nil, err
	}
	v.seen.put(token, claims, claims.Expires.Add(Leeway), era)
	return claims, nil
}

// Seen returns the claims of a token that was verified before and is valid still, and nil for any other
// token. It waits for nothing and does not keep the token.
func (v *Verifier) Seen(token []byte) *model.Claims {
	if len(token) == 0 || len(token) > MaxToken {
		return nil
	}
	return v.seen.getBytes(token, v.now())
}

// keyFor gives the key or keys that may have signed t. The parser has checked the algorithm against
// the configured ones already.
func (v *Verifier) keyFor(ctx context.Context, t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical { // RFC 7515, 4.1.11: refuse what is not understood
		return nil, errors.New("critical header parameters are not supported")
	}
	if t.Method == jwt.SigningMethodHS256 {
		return v.secret, nil
	}
	return v.keys.candidates(ctx, t)
}

// refusal turns an error of the parser into one for the caller. It tells why a token with a good
// signature is refused, and nothing about one without.
func refusal(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	message := "The token does not verify. Get a new one from the issuer that this service trusts."
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		message = "The token has expired. Get a new one."
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		message = "The token is not valid yet. Check the clock of its issuer."
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		message = "The token was issued for another audience. Ask its issuer for one with this service's audience."
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		message = "The token comes from an issuer that this service does not trust."
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		message = "The token lacks a required claim. It needs exp, and iss and aud where this service checks them."
	}
	return fault.Wrap(fault.Unauthenticated, err, "%s", message)
}
