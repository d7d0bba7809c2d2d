package boards

import (
	"encoding/json"
	"fmt"

	"github.com/partita-dev/partita/model"
)

// board is a Grafana dashboard, as far as it is needed.
type board struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Refresh       string     `json:"refresh"`
	Time          span       `json:"time"`
	Timezone      string     `json:"timezone"`
	Templating    templating `json:"templating"`
	Panels        []panel    `json:"panels"`
}

type span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      string      `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Refresh    int         `json:"refresh,omitempty"`
	IncludeAll bool        `json:"includeAll,omitempty"`
	Multi      bool        `json:"multi,omitempty"`
	AllValue   string      `json:"allValue,omitempty"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description,omitempty"`
	Datasource  *datasource `json:"datasource,omitempty"`
	GridPos     grid        `json:"gridPos"`
	Targets     []target    `json:"targets,omitempty"`
	FieldConfig *fields     `json:"fieldConfig,omitempty"`
	Options     any         `json:"options,omitempty"`
	Collapsed   *bool       `json:"collapsed,omitempty"`
}

type grid struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type target struct {
	RefID        string `json:"refId"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
}

type fields struct {
	Defaults  defaults `json:"defaults"`
	Overrides []any    `json:"overrides"`
}

type defaults struct {
	Unit     string    `json:"unit,omitempty"`
	Min      *float64  `json:"min,omitempty"`
	Max      *float64  `json:"max,omitempty"`
	Mappings []mapping `json:"mappings,omitempty"`
}

type mapping struct {
	Type    string            `json:"type"`
	Options map[string]result `json:"options"`
}

type result struct {
	Text  string `json:"text"`
	Color string `json:"color"`
}

// layout places panels in rows of three.
type layout struct {
	panels  []panel
	y, next int // next is the place in the row, 0 to 2
}

var source = &datasource{"prometheus", "${source}"}

// row begins a new group of panels.
func (l *layout) row(title string) {
	if l.next > 0 {
		l.y, l.next = l.y+8, 0
	}
	open := false
	l.panels = append(l.panels, panel{ID: len(l.panels) + 1, Type: "row", Title: title, GridPos: grid{0, l.y, 24, 1}, Collapsed: &open})
	l.y++
}

// graph adds lines over time. Queries are pairs of legend and expression.
func (l *layout) graph(title, unit, about string, queries ...string) {
	p := l.place(panel{Type: "timeseries", Title: title, Description: about})
	zero := 0.0
	p.FieldConfig = &fields{defaults{Unit: unit, Min: &zero}, []any{}}
	p.Options = map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom"}, "tooltip": map[string]any{"mode": "multi", "sort": "desc"}}
	for i := 0; i < len(queries); i += 2 {
		p.Targets = append(p.Targets, target{string(rune('A' + i/2)), queries[i+1], queries[i]})
	}
}

func (l *layout) place(p panel) *panel {
	p.ID, p.Datasource, p.GridPos = len(l.panels)+1, source, grid{l.next * 8, l.y, 8, 8}
	l.panels = append(l.panels, p)
	if l.next++; l.next == 3 {
		l.y, l.next = l.y+8, 0
	}
	return &l.panels[len(l.panels)-1]
}

// states adds how the parts of the service are.
func (l *layout) states() {
	p := l.place(panel{Type: "stat", Title: "State", Description: "The worst of all nodes, by part."})
	p.FieldConfig = &fields{defaults{Mappings: []mapping{{"value", map[string]result{
		"0": {"ok", "green"}, "1": {"degraded", "orange"}, "2": {"down", "red"}}}}}, []any{}}
	p.Options = map[string]any{"colorMode": "background", "reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}}
	p.Targets = []target{{"A", `max by (component) (partita_component_state{` + selector + `})`, "{{component}}"}}
}

// Grafana gives a dashboard for a model's service, ready to import.
func Grafana(m *model.Model) ([]byte, error) {
	l := &layout{}
	overview(l)
	for _, kind := range []string{"read", "write"} {
		perPattern(l, kind)
	}
	asynchronous(l, m)
	business(l, m)
	machine(l)
	b := board{
		UID: "partita-" + m.Service, Title: "Partita: " + m.Service, Tags: []string{"partita", m.Service}, SchemaVersion: 39,
		Refresh: "10s", Time: span{"now-1h", "now"}, Timezone: "browser", Panels: l.panels,
		Templating: templating{[]variable{
			{Name: "source", Label: "Source", Type: "datasource", Query: "prometheus"},
			{Name: "job", Label: "Job", Type: "query", Datasource: source, Refresh: 1, IncludeAll: true, Multi: true, AllValue: ".*",
				Query: fmt.Sprintf("label_values(partita_info{service=%q}, job)", m.Service)},
		}},
	}
	return json.MarshalIndent(b, "", "  ")
}
