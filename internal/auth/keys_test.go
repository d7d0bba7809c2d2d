package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/fault"
)

// issuer serves a key set that tests can change.
type issuer struct {
	*httptest.Server
	body    atomic.Pointer[[]byte]
	down    atomic.Bool
	fetches atomic.Int64
}

func newIssuer(t testing.TB, keys ...jwkset.JWKMarshal) *issuer {
	i := &issuer{}
	i.set(t, keys...)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		w.Write(*i.body.Load())
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(t testing.TB, keys ...jwkset.JWKMarshal) {
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	i.body.Store(&body)
}

func jwk(t testing.TB, kid string, key any, change func(*jwkset.JWKMarshal)) jwkset.JWKMarshal {
	k, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}, Marshal: jwkset.JWKMarshalOptions{Private: true}})
	if err != nil {
		t.Fatal(err)
	}
	m := k.Marshal()
	if change != nil {
		change(&m)
	}
	return m
}

func keys(t testing.TB) (*rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e, d
}

func TestKeySet(t *testing.T) {
	r, e, d := keys(t)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := newIssuer(t,
		jwk(t, "r", &r.PublicKey, nil), jwk(t, "e", &e.PublicKey, nil), jwk(t, "d", d.Public(), nil),
		jwk(t, "p384", &other.PublicKey, nil),
		jwk(t, "ps", &r.PublicKey, func(m *jwkset.JWKMarshal) { m.ALG = jwkset.AlgPS256 }),
		jwk(t, "enc", &e.PublicKey, func(m *jwkset.JWKMarshal) { m.USE = jwkset.UseEnc }),
		jwk(t, "oct", secret, nil))
	v := verifier(t, Config{JWKS: i.URL, Secret: secret})
	only := verifier(t, Config{JWKS: i.URL})
	claims := jwt.MapClaims{"sub": "ann", "exp": in(time.Minute)}
	kid := func(id any) map[string]any { return map[string]any{"kid": id} }

	for name, token := range map[string]string{
		"RS256":       sign(t, jwt.SigningMethodRS256, r, kid("r"), claims),
		"ES256":       sign(t, jwt.SigningMethodES256, e, kid("e"), claims),
		"EdDSA":       sign(t, jwt.SigningMethodEdDSA, d, kid("d"), claims),
		"without kid": sign(t, jwt.SigningMethodES256, e, nil, claims),
	} {
		t.Run(name, func(t *testing.T) { accepted(t, v, token); accepted(t, only, token) })
	}
	accepted(t, v, sign(t, jwt.SigningMethodHS256, secret, nil, claims))

	der, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	self := jwk(t, "mine", &mustRSA(t).PublicKey, nil)
	for name, token := range map[string]string{
		"HS256 with the public key":         sign(t, jwt.SigningMethodHS256, public, kid("r"), claims),
		"HS256 with the DER of it":          sign(t, jwt.SigningMethodHS256, der, kid("r"), claims),
		"HS256 with the raw Ed25519 key":    sign(t, jwt.SigningMethodHS256, []byte(d.Public().(ed25519.PublicKey)), kid("d"), claims),
		"RS256 under an EC key's kid":       sign(t, jwt.SigningMethodRS256, r, kid("e"), claims),
		"PS256":                             sign(t, jwt.SigningMethodPS256, r, kid("ps"), claims),
		"RS256 with a key of PS256":         sign(t, jwt.SigningMethodRS256, r, kid("ps"), claims),
		"RS512":                             sign(t, jwt.SigningMethodRS512, r, kid("r"), claims),
		"ES384":                             sign(t, jwt.SigningMethodES384, other, kid("p384"), claims),
		"a key for encryption":              sign(t, jwt.SigningMethodES256, e, kid("enc"), claims),
		"unknown kid":                       sign(t, jwt.SigningMethodRS256, r, kid("gone"), claims),
		"kid is a path":                     sign(t, jwt.SigningMethodRS256, r, kid("../../dev/null"), claims),
		"kid is SQL":                        sign(t, jwt.SigningMethodRS256, r, kid("x' UNION SELECT 'a"), claims),
		"kid is a list":                     sign(t, jwt.SigningMethodRS256, r, kid([]string{"r"}), claims),
		"kid is empty":                      sign(t, jwt.SigningMethodRS256, r, kid(""), claims),
		"the key comes along":               sign(t, jwt.SigningMethodRS256, mustRSA(t), map[string]any{"jwk": self, "kid": "mine"}, claims),
		"a set comes along":                 sign(t, jwt.SigningMethodRS256, mustRSA(t), map[string]any{"jku": "http://127.0.0.1:1/", "kid": "r"}, claims),
		"none under a kid":                  sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid("r"), claims),
		"other key without kid":             sign(t, jwt.SigningMethodRS256, mustRSA(t), nil, claims),
		"HS256 with the set's secret entry": sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("y", 32)), kid("oct"), claims),
	} {
		t.Run(name, func(t *testing.T) { refused(t, v, token, "does not verify") })
	}
	t.Run("a symmetric entry of the set is never used", func(t *testing.T) {
		refused(t, only, sign(t, jwt.SigningMethodHS256, secret, kid("oct"), claims), "does not verify")
	})
	if n := i.fetches.Load(); n > 6 {
		t.Errorf("%d fetches: unknown kids are not limited", n)
	}
}

func mustRSA(t testing.TB) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysChange(t *testing.T) {
	r, e, _ := keys(t)
	i := newIssuer(t, jwk(t, "r", &r.PublicKey, nil))
	v := verifier(t, Config{JWKS: i.URL, Logger: quiet()})
	claims := jwt.MapClaims{"sub": "ann", "exp": in(time.Minute)}
	old := sign(t, jwt.SigningMethodRS256, r, map[string]any{"kid": "r"}, claims)
	accepted(t, v, old)

	i.set(t, jwk(t, "e", &e.PublicKey, nil))
	accepted(t, v, old) // not fetched yet
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, map[string]any{"kid": "e"}, claims))
	refused(t, v, old, "does not verify") // a key that was withdrawn takes its remembered tokens along

	i.down.Store(true)
	accepted(t, v, sign(t, jwt.SigningMethodES256, e, map[string]any{"kid": "e"}, jwt.MapClaims{"sub": "bob", "exp": in(time.Minute)}))
}

func TestKeySetAwayAtStart(t *testing.T) {
	_, e, _ := keys(t)
	i := newIssuer(t, jwk(t, "e", &e.PublicKey, nil))
	i.down.Store(true)
	v := verifier(t, Config{JWKS: i.URL, Logger: quiet()})
	token := sign(t, jwt.SigningMethodES256, e, map[string]any{"kid": "e"}, jwt.MapClaims{"sub": "ann", "exp": in(time.Minute)})
	_, err := v.Verify(t.Context(), token)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.Unavailable || f.RetryAfter == 0 {
		t.Fatalf("err = %v, want unavailable with a time to come again", err)
	}
}
