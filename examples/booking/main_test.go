package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita"
)

var secret = []byte("a secret of the tests, 32 bytes.")

// serve runs the program's service, and gives a way to call it as the desk.
func serve(t *testing.T) func(method, path, body string) string {
	t.Helper()
	app, err := newApp(partita.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Admin: partita.None,
		Auth: partita.Auth{Secret: secret}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "desk", "roles": []string{"desk"}, "exp": time.Now().Add(time.Hour).Unix()}).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, body string) string {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+app.Addr()+"/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Error(err)
		}
		return fmt.Sprint(res.StatusCode, " ", string(text))
	}
}

func TestNightsAreNotSoldTwice(t *testing.T) {
	call := serve(t)
	night := time.Now().AddDate(0, 0, 10)
	day := func(n int) string { return night.AddDate(0, 0, n).Format(time.DateOnly) }
	order := func(first string, nights int, guest string) string {
		return call("POST", "book", fmt.Sprintf(`{"room_id": "12a", "first": %q, "nights": %d, "guest": %q}`, first, nights, guest))
	}
	if got := order(day(0), 2, "ann"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("a room that is not there: %s", got)
	}
	if got := call("POST", "furnish", `{"room_id": "12a", "beds": 2, "price": 9000}`); !strings.HasPrefix(got, "201 ") {
		t.Fatal(got)
	}
	if got := order(day(-20), 2, "ann"); !strings.Contains(got, "guard_failed") {
		t.Errorf("a night that is over: %s", got)
	}
	// Ten guests want nights that overlap, at once: one gets them.
	var guests sync.WaitGroup
	answers := make([]string, 10)
	for i := range answers {
		guests.Go(func() { answers[i] = order(day(i%3), 3, fmt.Sprint("guest-", i)) })
	}
	guests.Wait()
	got := 0
	for _, a := range answers {
		switch {
		case strings.HasPrefix(a, "200 ") && strings.Contains(a, `"total":27000`):
			got++
		case !strings.Contains(a, "The room is taken from"):
			t.Errorf("%s", a)
		}
	}
	if got != 1 {
		t.Errorf("%d guests got the same nights", got)
	}
	if a := order(day(5), 2, "bob"); !strings.HasPrefix(a, "200 ") {
		t.Errorf("nights that are free: %s", a)
	}
	// Both who got a room get a letter, and one only.
	deadline := time.Now().Add(20 * time.Second)
	for letters := ""; ; letters = call("GET", "letters/12a", "") {
		if n := strings.Count(letters, `"event_id"`); n == 2 && strings.Contains(letters, `"guest":"bob"`) {
			return
		} else if n > 2 || time.Now().After(deadline) {
			t.Fatalf("%d letters: %s", n, letters)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
