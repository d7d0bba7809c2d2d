package auth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var errShortSecret = fmt.Errorf("the shared secret is too short: HS256 needs at least %d bytes, such as those of: openssl rand -hex 32", MinSecret)

// What a service that was given no secrets makes for itself in its data folder.
const (
	devKeyFile = "dev.key"
	// AdminTokenFile has the token of the admin address.
	AdminTokenFile = "admin.token"
)

// Mint signs a token with HS256. It sets iat and exp; the other claims are taken as they are.
func Mint(secret []byte, claims map[string]any, ttl time.Duration) (string, error) {
	if len(secret) < MinSecret {
		return "", errShortSecret
	}
	if ttl <= 0 {
		return "", errors.New("a token must be valid for some time: give a duration above 0")
	}
	now := time.Now()
	all := jwt.MapClaims(maps.Clone(claims))
	if all == nil {
		all = jwt.MapClaims{}
	}
	all["iat"] = now.Unix()
	all["exp"] = now.Add(ttl).Unix()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString(secret)
}

// DevKey reads the development key in the data folder, and makes it, with mode 0600, if there is
// none. Two processes that make it at the same moment get the same key.
func DevKey(dataDir string) ([]byte, error) {
	return keyIn(dataDir, devKeyFile, "development key")
}

// AdminToken gives, in the same way, the token that a service on this machine has which was given none.
func AdminToken(dataDir string) (string, error) {
	key, err := keyIn(dataDir, AdminTokenFile, "admin token")
	return hex.EncodeToString(key), err
}

// keyIn reads a key, or makes one. what is its name for people.
func keyIn(dir, name, what string) ([]byte, error) {
	path := filepath.Join(dir, name)
	key, err := readKey(path, what)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := makeKey(dir, path); err != nil {
		if bad, ok := errors.AsType[*fs.PathError](err); ok {
			err = bad.Err
		}
		return nil, fmt.Errorf("the %s cannot be written to %s: %w", what, dir, err)
	}
	return readKey(path, what)
}

func readKey(path, what string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the %s %s may be read by others: run chmod 600 on it", what, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < MinSecret {
		return nil, fmt.Errorf("the %s %s is damaged: remove it, and a new one is made", what, path)
	}
	return key, nil
}

// makeKey writes a key beside its place and links it there, so that a half-written key is never
// seen and the first of two makers wins.
func makeKey(dir, path string) (err error) {
	file, err := os.CreateTemp(dir, filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	key := make([]byte, MinSecret)
	rand.Read(key) // never fails
	_, err = file.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
