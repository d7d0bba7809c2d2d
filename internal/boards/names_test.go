package boards_test

import (
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/boards"
)

// Everything that boards and alerts ask for is a metric of a running service.
func TestEveryMetricExists(t *testing.T) {
	t.Setenv("ORDER_PLACED_HOOK", "http://127.0.0.1:9/hook")
	app := apptest.Start(t, partita.Config{
		Model: "../../examples/shop/shop.yaml", Logger: slog.New(slog.DiscardHandler),
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.AdminAddr()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"partita_read_errors_total": true, "partita_write_errors_total": true} // they have a series once there is an error
	for _, help := range regexp.MustCompile(`(?m)^# HELP (\S+)`).FindAllStringSubmatch(string(text), -1) {
		for _, end := range []string{"", "_bucket", "_count"} {
			known[help[1]+end] = true
		}
	}
	m := promising(t)
	board, err := boards.Grafana(m)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(?:partita|go|process)_[a-z_]+\b`).FindAllString(string(boards.Alerts(m, "shop"))+string(board), -1) {
		asked[name] = true
	}
	for name := range asked {
		if !known[name] {
			t.Errorf("%s is asked for, and there is no such metric", name)
		}
	}
	if len(asked) < 20 {
		t.Errorf("only %d metrics are asked for", len(asked))
	}
}
