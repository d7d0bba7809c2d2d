package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/fault"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

// sign makes a token with any header and claims; key nil makes an unsigned one.
func sign(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	v, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func refused(t *testing.T, v *Verifier, token, want string) {
	t.Helper()
	for range 2 { // the second time too: nothing unverified is remembered
		claims, err := v.Verify(t.Context(), token)
		f, ok := errors.AsType[*fault.Error](err)
		if claims != nil || !ok || f.Code != fault.Unauthenticated {
			t.Fatalf("Verify = %v, %v; want a refusal", claims, err)
		}
		if !strings.Contains(f.Message, want) {
			t.Fatalf("message %q lacks %q", f.Message, want)
		}
	}
}

func accepted(t *testing.T, v *Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestClaims(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	token, err := Mint(secret, map[string]any{
		"sub": "ann", "iss": "me", "roles": []string{"staff"}, "level": 3, "big": json.Number("9007199254740993"),
		"share": 0.5, "org": map[string]any{"id": 7}, "none": nil,
	}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "ann" || claims.Key != "2:meann" || time.Until(claims.Expires) > time.Minute {
		t.Errorf("claims = %+v", claims)
	}
	if claims.All["level"] != int64(3) || claims.All["share"] != 0.5 || claims.All["big"] != int64(9007199254740993) {
		t.Errorf("numbers = %#v", claims.All)
	}
	if claims.All["org"].(map[string]any)["id"] != int64(7) || claims.All["roles"].([]any)[0] != "staff" {
		t.Errorf("nested = %#v", claims.All)
	}
	again, err := v.Verify(t.Context(), token)
	if err != nil || again != claims {
		t.Error("a verified token is not remembered")
	}
}

func TestCallersNeverShareAKey(t *testing.T) {
	keys := map[string]bool{}
	for _, c := range [][3]string{{"a", "bc", ""}, {"ab", "c", ""}, {"", "abc", ""}, {"1:a", "bc", ""}, {"", "", "x"}, {"", "", "y"}, {"abc", "", "z"}} {
		keys[callerKey(c[0], c[1], c[2])] = true
	}
	if len(keys) != 7 {
		t.Errorf("%d keys for 7 callers", len(keys))
	}
}

func TestRefusals(t *testing.T) {
	v := verifier(t, Config{Secret: secret, Issuer: "me", Audience: "shop"})
	good := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "ann", "iss": "me", "aud": []string{"other", "shop"}, "exp": in(time.Minute)}
		if change != nil {
			change(c)
		}
		return c
	}
	hs := func(change func(jwt.MapClaims)) string {
		return sign(t, jwt.SigningMethodHS256, secret, nil, good(change))
	}
	accepted(t, v, hs(nil))
	accepted(t, v, hs(func(c jwt.MapClaims) { c["exp"] = in(-2 * time.Second) })) // within the leeway

	whole := hs(nil)
	parts := strings.Split(whole, ".")
	tests := []struct{ name, token, want string }{
		{"empty", "", "does not verify"},
		{"one part", "abc", "does not verify"},
		{"expired", hs(func(c jwt.MapClaims) { c["exp"] = in(-time.Minute) }), "expired"},
		{"without exp", hs(func(c jwt.MapClaims) { delete(c, "exp") }), "required claim"},
		{"exp is text", hs(func(c jwt.MapClaims) { c["exp"] = "tomorrow" }), ""},
		{"exp beyond all", hs(func(c jwt.MapClaims) { c["exp"] = json.Number("1e400") }), ""},
		{"not yet valid", hs(func(c jwt.MapClaims) { c["nbf"] = in(time.Minute) }), "not valid yet"},
		{"wrong aud", hs(func(c jwt.MapClaims) { c["aud"] = "other" }), "audience"},
		{"without aud", hs(func(c jwt.MapClaims) { delete(c, "aud") }), "required claim"},
		{"wrong iss", hs(func(c jwt.MapClaims) { c["iss"] = "you" }), "issuer"},
		{"without iss", hs(func(c jwt.MapClaims) { delete(c, "iss") }), "required claim"},
		{"sub is a number", hs(func(c jwt.MapClaims) { c["sub"] = 7 }), "sub claim"},
		{"other secret", sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil, good(nil)), "does not verify"},
		{"HS512", sign(t, jwt.SigningMethodHS512, secret, nil, good(nil)), "does not verify"},
		{"none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, good(nil)), "does not verify"},
		{"none in capitals", b64(`{"alg":"NONE"}`) + "." + parts[1] + ".", "does not verify"},
		{"no alg", b64(`{}`) + "." + parts[1] + "." + parts[2], "does not verify"},
		{"alg is a number", b64(`{"alg":7}`) + "." + parts[1] + "." + parts[2], "does not verify"},
		{"signature taken off", parts[0] + "." + parts[1] + ".", "does not verify"},
		{"claims swapped", parts[0] + "." + b64(`{"sub":"root","exp":99999999999}`) + "." + parts[2], "does not verify"},
		{"critical header", sign(t, jwt.SigningMethodHS256, secret, map[string]any{"crit": []string{"b64"}, "b64": false}, good(nil)), "does not verify"},
		{"padded", whole + "=", "does not verify"},
		{"a fourth part", whole + ".x", "does not verify"},
		{"claims are a list", parts[0] + "." + b64(`[1]`) + "." + parts[2], "does not verify"},
		{"deeply nested", parts[0] + "." + b64(strings.Repeat("[", 5000)) + "." + parts[2], "does not verify"},
		{"oversize", hs(func(c jwt.MapClaims) { c["x"] = strings.Repeat("x", MaxToken) }), "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refused(t, v, test.token, test.want) })
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestRememberedTokenExpires(t *testing.T) {
	now := atomic.Pointer[time.Time]{}
	start := time.Now()
	now.Store(&start)
	v := verifier(t, Config{Secret: secret, now: func() time.Time { return *now.Load() }})
	token := sign(t, jwt.SigningMethodHS256, secret, nil, jwt.MapClaims{"sub": "a", "exp": start.Add(time.Minute).Unix()})
	accepted(t, v, token)
	later := start.Add(time.Minute + Leeway)
	now.Store(&later)
	refused(t, v, token, "expired")
}

func TestRememberedTokensAreBounded(t *testing.T) {
	s := newSeen()
	now := time.Now()
	for i := range 100_000 {
		token := strings.Repeat("x", 1000) + string(rune(i))
		s.put(token, nil, now.Add(time.Hour), 0)
	}
	size := 0
	for i := range s.shards {
		for _, generation := range []map[uint64]*verified{s.shards[i].young, s.shards[i].old} {
			for _, v := range generation {
				size += v.size()
			}
		}
	}
	if size > seenBytes || size < seenBytes/3 {
		t.Errorf("%d bytes are remembered, the bound is %d", size, seenBytes)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, test := range []struct {
		name, want string
		cfg        Config
	}{
		{"nothing", "cannot be verified", Config{}},
		{"short secret", "at least 32 bytes", Config{Secret: []byte("short")}},
		{"plain http", "https", Config{JWKS: "http://issuer.example/keys"}},
		{"loopback in disguise", "https", Config{JWKS: "http://localhost.evil.example/keys"}},
		{"file", "not a URL", Config{JWKS: "file:///etc/passwd"}},
		{"not a URL", "not a URL", Config{JWKS: "keys"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(t.Context(), test.cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}

func TestRedirectMustKeepToHTTPS(t *testing.T) {
	from := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/keys", http.StatusFound))
	defer from.Close()
	var log bytes.Buffer
	v := verifier(t, Config{JWKS: from.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if v.keys.loaded.Load() || !strings.Contains(log.String(), "https") {
		t.Errorf("the redirect was followed: %s", log.String())
	}
}

func TestDevKeyAndMint(t *testing.T) {
	dir := t.TempDir() + "/data"
	keys := make(chan string, 8)
	for range cap(keys) {
		go func() {
			key, err := DevKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys <- string(key)
		}()
	}
	first := <-keys
	for range cap(keys) - 1 {
		if <-keys != first {
			t.Fatal("two makers got different keys")
		}
	}
	token, err := Mint([]byte(first), map[string]any{"sub": "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, verifier(t, Config{Secret: []byte(first)}), token)
	if _, err := Mint([]byte(first), nil, 0); err == nil {
		t.Error("a token without end was minted")
	}
	if _, err := Mint([]byte("short"), nil, time.Hour); err == nil {
		t.Error("a short secret was taken")
	}
}

func TestDevKeyThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/"+devKeyFile, strings.Repeat("ab", 32), 0o644)
	if _, err := DevKey(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("err = %v", err)
	}
	writeFile(t, dir+"/"+devKeyFile, "zz", 0o600)
	if _, err := DevKey(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("err = %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	_, e, _ := keys(f)
	i := newIssuer(f, jwk(f, "e", &e.PublicKey, nil))
	v, err := New(context.Background(), Config{Secret: secret, JWKS: i.URL, Logger: quiet()})
	if err != nil {
		f.Fatal(err)
	}
	good := sign(f, jwt.SigningMethodHS256, secret, nil, jwt.MapClaims{"sub": "a", "exp": in(time.Hour)})
	f.Add(good)
	f.Add(sign(f, jwt.SigningMethodES256, e, map[string]any{"kid": "e"}, jwt.MapClaims{"sub": "a", "exp": in(time.Hour)}))
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{"exp":99999999999}`) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(context.Background(), token)
		if (claims == nil) == (err == nil) {
			t.Fatalf("Verify = %v, %v", claims, err)
		}
		if err != nil && fault.CodeOf(err) != fault.Unauthenticated {
			t.Fatalf("err = %v", err)
		}
	})
}

func BenchmarkVerifyAgain(b *testing.B) {
	v := verifier(b, Config{Secret: secret})
	token, err := Mint(secret, map[string]any{"sub": "0197f7a0-0000-7000-8000-000000000000", "roles": []string{"staff"}, "iss": "https://issuer.example"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(ctx, token); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSeenKnowsTokensWithoutMemoryAndUntilTheyExpire(t *testing.T) {
	now := time.Now()
	v := verifier(t, Config{Secret: secret, now: func() time.Time { return now }})
	token, err := Mint(secret, map[string]any{"sub": "a"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lent := []byte(token)
	if v.Seen(lent) != nil || v.Seen(nil) != nil {
		t.Fatal("a token is known that nobody has verified")
	}
	claims, err := v.Verify(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Seen(lent); got != claims {
		t.Fatalf("Seen = %v, want %v", got, claims)
	}
	if n := testing.AllocsPerRun(100, func() { v.Seen(lent) }); n != 0 {
		t.Fatalf("Seen takes %v pieces of memory", n)
	}
	lent[len(lent)-1] ^= 1
	if v.Seen(lent) != nil {
		t.Fatal("another token is taken for one that was verified")
	}
	lent[len(lent)-1] ^= 1
	now = now.Add(time.Hour + Leeway)
	if v.Seen(lent) != nil {
		t.Fatal("a token is known that has expired")
	}
}

func BenchmarkSeen(b *testing.B) {
	v := verifier(b, Config{Secret: secret})
	token, err := Mint(secret, map[string]any{"sub": "0197f7a0-0000-7000-8000-000000000000", "roles": []string{"staff"}, "iss": "https://issuer.example"}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := v.Verify(context.Background(), token); err != nil {
		b.Fatal(err)
	}
	lent := []byte(token)
	b.ReportAllocs()
	for b.Loop() {
		if v.Seen(lent) == nil {
			b.Fatal("not known")
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}
