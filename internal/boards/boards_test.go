package boards_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/boards"
	"github.com/partita-dev/partita/model"
)

// promising is the shop's model with objectives.
func promising(t *testing.T) *model.Model {
	t.Helper()
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), "expect: 20k/s,", "expect: 20k/s, objective: {p99: 50ms, success: 99.9%},", 1)
	text = strings.Replace(text, "    priority: critical\n", "    priority: critical\n    objective: {success: 99.95%}\n", 1)
	m, err := model.Parse("shop.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
		t.Fatalf("promtool %v (Debian's package prometheus has it): %v\n%s", args, err, out)
	}
}

func TestAlertsAreValid(t *testing.T) {
	m := promising(t)
	text := boards.Alerts(m, "shop")
	promtool(t, "check", "rules", write(t, "alerts.yaml", text))
	for _, want := range []string{"14.4 * 0.001", "14.4 * 0.01", "14.4 * 0.0005", "99.95 % of pay_order succeed", "99 % of order are answered within 50ms"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the rules do not say %q", want)
		}
	}
	m.Reads[1].Objective, m.Writes[3].Objective = model.Objective{}, model.Objective{}
	without := boards.Alerts(m, "shop")
	promtool(t, "check", "rules", write(t, "alerts.yaml", without))
	if !strings.Contains(string(without), "declares no objective") {
		t.Error("nothing says why there are no alerts on objectives")
	}
}

// Each alert is explained where its reader is sent.
func TestAlertsAreExplained(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`alert: (\S+)`).FindAllStringSubmatch(string(boards.Alerts(promising(t), "shop")), -1)
	for _, n := range names {
		if !strings.Contains(string(docs), "`"+n[1]+"`") {
			t.Errorf("docs/operations.md does not say what to do about %s", n[1])
		}
	}
	if len(names) < 12 {
		t.Errorf("only %d alerts", len(names))
	}
}

// The alerts come when they should, and only then: by Prometheus' own simulation.
func TestAlertsComeWhenTheyShould(t *testing.T) {
	rules := write(t, "alerts.yaml", boards.Alerts(promising(t), "shop"))
	// 600 reads a minute. From minute 60 on 3 % fail: 30 times what 99.9 % leaves. Latency stays good.
	const labels = `job="shop", instance="a", read="order"`
	bound := regexp.MustCompile(`le="([^"]+)"`).FindStringSubmatch(string(boards.Alerts(promising(t), "shop")))[1]
	test := fmt.Sprintf(`
rule_files: [%q]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'partita_read_duration_seconds_count{%[2]s}', values: '0+600x180'}
      - {series: 'partita_read_duration_seconds_bucket{%[2]s, le="%[3]s"}', values: '0+599x180'}
      - {series: 'partita_read_errors_total{%[2]s, error_type="unavailable"}', values: '0x60 18+18x120'}
      - {series: 'partita_read_errors_total{%[2]s, error_type="not_found"}', values: '0+300x180'}
      - {series: 'partita_component_state{job="shop", instance="a", component="store"}', values: '0x60 2x60 0x60'}
      - {series: 'partita_component_state{job="shop", instance="b", component="store"}', values: '0x180'}
      - {series: 'partita_component_state{job="other", instance="c", component="bus"}', values: '2x180'}
      - {series: 'partita_info{job="shop", instance="a", service="shop", revision="1", version="1"}', values: '1x180'}
      - {series: 'partita_store_queue_writes{job="shop", instance="a"}', values: '10x180'}
      - {series: 'partita_store_queue_bound_writes{job="shop", instance="a"}', values: '4096x180'}
    alert_rule_test:
      - {eval_time: 50m, alertname: PartitaErrorBudgetBurns, exp_alerts: []}
      - {eval_time: 50m, alertname: PartitaLatencyBudgetBurns, exp_alerts: []}
      - {eval_time: 50m, alertname: PartitaPartDown, exp_alerts: []}
      - {eval_time: 50m, alertname: PartitaWritesQueue, exp_alerts: []}
      - {eval_time: 50m, alertname: PartitaNoNode, exp_alerts: []}
      - {eval_time: 170m, alertname: PartitaPartDown, exp_alerts: []}
      - eval_time: 100m
        alertname: PartitaPartDown
        exp_alerts:
          - exp_labels: {component: store, service: shop, severity: page}
            exp_annotations:
              summary: store is down on at least one node.
              todo: partita status says since when, why, and what it means for each read and write.
    promql_expr_test:
      - expr: 'count(ALERTS{alertname="PartitaErrorBudgetBurns", severity="page", read="order", alertstate="firing"}) >= bool 1'
        eval_time: 110m
        exp_samples: [{labels: '{}', value: 1}]
      - expr: 'count(ALERTS{alertname="PartitaLatencyBudgetBurns", alertstate="firing"}) or vector(0)'
        eval_time: 110m
        exp_samples: [{labels: '{}', value: 0}]
`, rules, labels, bound)
	promtool(t, "test", "rules", write(t, "test.yaml", []byte(test)))
}

// What the board asks for is PromQL, and each panel has its place.
func TestBoardIsValid(t *testing.T) {
	text, err := boards.Grafana(promising(t))
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	rules, n := "groups:\n  - name: board\n    rules:\n", 0
	places := map[string]string{}
	for _, p := range b.Panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprint(x, ",", y)
				if other, taken := places[at]; taken {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				places[at] = p.Title
			}
		}
		for _, q := range p.Targets {
			n++
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "shop").Replace(q.Expr)
			rules += fmt.Sprintf("      - {record: \"q%d\", expr: '%s'}\n", n, expr)
		}
	}
	if n < 30 {
		t.Errorf("only %d queries", n)
	}
	promtool(t, "check", "rules", write(t, "board.yaml", []byte(rules)))
}
