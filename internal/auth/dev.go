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

// devKeyFile is the name of the development key in the data folder.
const devKeyFile = "dev.key"

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
	path := filepath.Join(dataDir, devKeyFile)
	key, err := readDevKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, err
	}
	if err := makeDevKey(dataDir, path); err != nil {
		if bad, ok := errors.AsType[*fs.PathError](err); ok {
			err = bad.Err
		}
		return nil, fmt.Errorf("the development key cannot be written to %s: %w", dataDir, err)
	}
	return readDevKey(path)
}

func readDevKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the development key %s may be read by others: run chmod 600 on it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < MinSecret {
		return nil, fmt.Errorf("the development key %s is damaged: remove it, and a new one is made", path)
	}
	return key, nil
}

// makeDevKey writes the key beside its place and links it there, so that a half-written key is never
// seen and the first of two makers wins.
func makeDevKey(dir, path string) (err error) {
	file, err := os.CreateTemp(dir, devKeyFile+".*") // made with mode 0600
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
