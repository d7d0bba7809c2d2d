package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/hosts"
)

const (
	refreshEvery  = 5 * time.Minute  // how often the set is fetched without cause
	unknownEvery  = 10 * time.Second // how often tokens with unknown keys may cause a fetch
	fetchTimeout  = 3 * time.Second
	maxKeySetBody = 1 << 20
	minRSABits    = 2048
)

// keySet is a remote set of public keys. While the endpoint is away the last set goes on serving.
type keySet struct {
	storage jwkset.Storage
	loaded  *atomic.Bool
}

// newKeySet fetches the set and keeps it fresh until ctx ends. changed is called after each fetch
// that brought other keys.
func newKeySet(ctx context.Context, address string, log *slog.Logger, changed func()) (*keySet, error) {
	if err := allowedAddress(address); err != nil {
		return nil, err
	}
	watched := &watchedKeys{MemoryJWKSet: jwkset.NewMemoryStorage(), changed: changed}
	remote, err := jwkset.NewStorageFromHTTP(address, jwkset.HTTPClientStorageOptions{
		Client:                    keyClient(),
		Ctx:                       ctx,
		HTTPTimeout:               fetchTimeout,
		NoErrorReturnFirstHTTPReq: true,
		RefreshInterval:           refreshEvery,
		Storage:                   watched,
		RefreshErrorHandler: func(ctx context.Context, err error) {
			log.WarnContext(ctx, "the key set cannot be fetched; the last one stays in use", "url", shown(address), "error", err)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("the key set %s cannot be used: %w", shown(address), err)
	}
	storage, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{address: remote},
		RateLimitWaitMax:  fetchTimeout, // a reader that would have to wait longer is refused at once
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownEvery), 1),
	})
	if err != nil {
		return nil, fmt.Errorf("the key set %s cannot be used: %w", shown(address), err)
	}
	return &keySet{storage: storage, loaded: &watched.loaded}, nil
}

// candidates gives the keys that may have signed t: those that its kid names, or all if it has none,
// and of these only the ones whose type belongs to its algorithm.
func (k *keySet) candidates(ctx context.Context, t *jwt.Token) (any, error) {
	kid := ""
	if given, ok := t.Header["kid"]; ok {
		if kid, ok = given.(string); !ok || kid == "" {
			return nil, errors.New("kid is not a text")
		}
	}
	set, err := k.pick(ctx, kid, t.Method.Alg())
	if err == nil && len(set.Keys) == 0 {
		// The key may be new. KeyRead fetches the set again, as often as the limit allows; a caller
		// that goes away must not use up a fetch for nothing.
		if _, err = k.storage.KeyRead(context.WithoutCancel(ctx), kid); err == nil || kid == "" {
			set, err = k.pick(ctx, kid, t.Method.Alg())
		}
	}
	switch {
	case !k.loaded.Load():
		f := fault.Wrap(fault.Unavailable, err, "The keys that tokens are verified with cannot be fetched now.")
		f.RetryAfter = unknownEvery
		return nil, f
	case err != nil:
		return nil, err
	case len(set.Keys) == 0:
		return nil, errors.New("no key of the set fits the token")
	}
	return set, nil
}

func (k *keySet) pick(ctx context.Context, kid, alg string) (set jwt.VerificationKeySet, err error) {
	all, err := k.storage.KeyReadAll(ctx)
	if err != nil {
		return set, err
	}
	for _, key := range all {
		about := key.Marshal()
		switch {
		case kid != "" && about.KID != kid,
			about.USE != "" && about.USE != jwkset.UseSig,
			about.ALG != "" && about.ALG.String() != alg:
			continue
		}
		if public := publicFor(alg, key.Key()); public != nil {
			set.Keys = append(set.Keys, public)
		}
	}
	return set, nil
}

// publicFor returns the public key if it is of the type that alg needs, nil otherwise. A symmetric
// key never is.
func publicFor(alg string, key any) crypto.PublicKey {
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		key = private.Public()
	}
	switch public := key.(type) {
	case *rsa.PublicKey:
		if alg == jwt.SigningMethodRS256.Alg() && public.N.BitLen() >= minRSABits {
			return public
		}
	case *ecdsa.PublicKey:
		if alg == jwt.SigningMethodES256.Alg() && public.Curve == elliptic.P256() {
			return public
		}
	case ed25519.PublicKey:
		if alg == jwt.SigningMethodEdDSA.Alg() {
			return public
		}
	}
	return nil
}

// watchedKeys tells when the set was replaced by another one.
type watchedKeys struct {
	*jwkset.MemoryJWKSet
	loaded  atomic.Bool
	changed func()
}

// KeyReplaceAll replaces the set; see jwkset.Storage.
func (w *watchedKeys) KeyReplaceAll(ctx context.Context, keys []jwkset.JWK) error {
	before, err := w.JSONPublic(ctx)
	if err != nil {
		before = nil
	}
	if err := w.MemoryJWKSet.KeyReplaceAll(ctx, keys); err != nil {
		return err
	}
	w.loaded.Store(true)
	if after, err := w.JSONPublic(ctx); err != nil || before == nil || string(before) != string(after) {
		w.changed()
	}
	return nil
}

// shown is a URL without its password.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "at that address"
	}
	return u.Redacted()
}

// CheckJWKS tells what is wrong with the URL of a key set, without fetching it.
func CheckJWKS(address string) error { return allowedAddress(address) }

// allowedAddress refuses a key set that somebody on the way could replace.
func allowedAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("the address of the key set is not a URL such as https://issuer.example/.well-known/jwks.json")
	}
	if u.Scheme == "https" || u.Scheme == "http" && hosts.Loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("the key set %q must be fetched by https: whoever can change it can sign tokens", u.Redacted())
}

// keyClient fetches key sets: bodies are bounded, and a redirect must keep to allowedAddress.
func keyClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true} // fetches are rare
	return &http.Client{
		Timeout:   fetchTimeout,
		Transport: boundedBody{transport},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			return allowedAddress(r.URL.String())
		},
	}
}

type boundedBody struct{ next http.RoundTripper }

// RoundTrip cuts the body of the response at maxKeySetBody, which makes longer JSON invalid.
func (b boundedBody) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxKeySetBody), resp.Body}
	return resp, nil
}
