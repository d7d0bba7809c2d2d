// Package auth verifies bearer tokens and mints them for development.
package auth

/*
The face that the others use, to be kept as it is:

	type Config struct {
		Secret   []byte        // HS256 key, at least 32 bytes; nil: none
		JWKS     string        // URL of a key set for RS256, ES256, EdDSA; "": none
		Issuer   string        // required `iss`; "": not checked
		Audience string        // required `aud`; "": not checked
	}
	func New(ctx context.Context, Config) (*Verifier, error)
	func (v *Verifier) Verify(ctx context.Context, token string) (*model.Claims, error)   // *fault.Error Unauthenticated
	func Mint(secret []byte, claims map[string]any, ttl time.Duration) (string, error)
	func DevKey(dataDir string) ([]byte, error)   // makes or reads the development key, file mode 0600
*/
