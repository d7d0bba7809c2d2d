package client_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// For other languages there is the OpenAPI document: a public generator makes a TypeScript client of it,
// which compiles and works.
func TestTypeScriptClientOfAPublicGenerator(t *testing.T) {
	url := serve(t, "../../examples/shop/shop.yaml")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "shop.json")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := tokenOf(t, ann, "staff")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "../../scripts/typescript-client.sh", path, url, token, ann).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("well used")) {
		t.Fatalf("%v\n%s", err, out)
	}
}
