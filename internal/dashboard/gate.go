package dashboard

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/hosts"
)

const (
	cookieName = "partita_admin"
	// sessionLength is how long a login lasts.
	sessionLength = 12 * time.Hour
)

// policy is sent with every answer: the page uses nothing but its own files, and nobody may show
// it in a frame.
var policy = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// gate decides who may look.
type gate struct {
	token string
	key   [32]byte // of the token: signs sessions
	hosts []string
	files *files
	login http.Handler
}

func newGate(cfg Config, f *files) *gate {
	g := &gate{token: cfg.Token, key: sha256.Sum256([]byte("partita admin session\x00" + cfg.Token)), files: f}
	for _, h := range cfg.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	// A form on another site must not log anybody in.
	g.login = http.NewCrossOriginProtection().Handler(http.HandlerFunc(g.logIn))
	return g
}

// guard lets those requests through to next that may be answered.
func (g *gate) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range policy {
			w.Header().Set(name, value)
		}
		switch {
		case g.token == "" && !g.knownHost(r.Host):
			// Else a page of a stranger whose name resolves to this machine could read everything. With
			// a token it could not: browsers keep the session to the name that it was opened under.
			http.Error(w, "Without an admin token this address is served under its IP address and as localhost only, not under that host name.", http.StatusMisdirectedRequest)
		case g.token == "" && !local(r.RemoteAddr):
			http.Error(w, "Without an admin token only this machine is answered. Set one to look from elsewhere.", http.StatusForbidden)
		case r.URL.Path == "/login" && r.Method == http.MethodPost:
			g.login.ServeHTTP(w, r)
		case g.admitted(r) || g.files.open(r.URL.Path):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && r.URL.Path == "/":
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="partita admin"`)
			http.Error(w, "Send the admin token as Authorization: Bearer …, or log in at /login.", http.StatusUnauthorized)
		}
	})
}

// knownHost tells whether a Host header is one of ours.
func (g *gate) knownHost(host string) bool {
	name := hosts.Name(host)
	return hosts.Own(name) || slices.Contains(g.hosts, name)
}

func local(remote string) bool {
	a, err := netip.ParseAddrPort(remote)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func (g *gate) admitted(r *http.Request) bool {
	if g.token == "" {
		return true
	}
	if shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.right(strings.TrimSpace(shown))
	}
	c, err := r.Cookie(cookieName)
	return err == nil && g.validSession(c.Value, time.Now())
}

// right compares hashes, so that neither content nor length of the token shows in the time taken.
func (g *gate) right(shown string) bool {
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// logIn takes the token from the form and opens a session.
func (g *gate) logIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	if g.token != "" && !g.right(strings.TrimSpace(r.PostFormValue("token"))) {
		http.Redirect(w, r, "/login?wrong", http.StatusSeeOther)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: g.session(time.Now().Add(sessionLength)), Path: "/",
		MaxAge: int(sessionLength / time.Second), HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// shut keeps what is behind it closed where no admin token is set, and refuses instead. It is for what
// shows data or deletes it for good: without a token everybody on this machine is let in, and not all of
// them may do that.
func shut(token string, next http.HandlerFunc, refuse func(http.ResponseWriter)) http.HandlerFunc {
	if token != "" {
		return next
	}
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w) }
}

// owner is shut, with words for a command line.
func owner(token string, next http.HandlerFunc) http.HandlerFunc {
	return shut(token, next, func(w http.ResponseWriter) {
		http.Error(w, "Data is shown and deleted for those who have the admin token, and this service has none: start it with PARTITA_ADMIN_TOKEN.", http.StatusForbidden)
	})
}

// session is the value of a cookie: when it ends, and a signature that only the token's holder
// can have been given.
func (g *gate) session(end time.Time) string {
	text := strconv.FormatInt(end.Unix(), 10)
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(text))
	return text + "." + hex.EncodeToString(mac.Sum(nil))
}

func (g *gate) validSession(value string, now time.Time) bool {
	text, _, _ := strings.Cut(value, ".")
	end, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false
	}
	return hmac.Equal([]byte(value), []byte(g.session(time.Unix(end, 0)))) && now.Unix() < end
}
