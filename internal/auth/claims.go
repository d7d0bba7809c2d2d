package auth

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// claimsOf turns the decoded claims of a verified token into those that rules see.
func claimsOf(decoded jwt.MapClaims, token string) (*model.Claims, error) {
	issuer, err := decoded.GetIssuer()
	if err != nil {
		return nil, badClaim("iss", err)
	}
	subject, err := decoded.GetSubject()
	if err != nil {
		return nil, badClaim("sub", err)
	}
	expires, err := decoded.GetExpirationTime()
	if err != nil || expires == nil {
		return nil, badClaim("exp", err)
	}
	for name, value := range decoded {
		decoded[name] = plain(value)
	}
	return &model.Claims{
		Subject: subject,
		All:     decoded,
		Expires: expires.Time,
		Key:     callerKey(issuer, subject, token),
	}, nil
}

func badClaim(name string, cause error) error {
	return fault.Wrap(fault.Unauthenticated, cause, "The token's %s claim is of the wrong type.", name)
}

// callerKey names a caller. Two pairs of issuer and subject never share a key. Tokens without a
// subject have nothing in common, so each is a caller of its own.
func callerKey(issuer, subject, token string) string {
	if subject == "" {
		sum := sha256.Sum256([]byte(token))
		return "token:" + string(sum[:])
	}
	return strconv.Itoa(len(issuer)) + ":" + issuer + subject
}

// plain replaces numbers by int64 where they are whole and fit, otherwise by float64, so that rules
// compare them as the literals they are.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // out of range: an infinity, which no rule mistakes for a number
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	}
	return value
}
