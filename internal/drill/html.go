package drill

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"mark":    func(v Verdict) string { return marks[v] },
	"picture": func(t *Timeline) template.HTML { return template.HTML(picture(t)) }, //nolint:gosec // made of numbers, and of texts that are escaped
	"class":   func(v Verdict) string { return map[Verdict]string{Kept: "kept", Broken: "broken", NotRun: "notrun"}[v] },
}).Parse(page))

// HTML gives the report as a page that needs nothing else: pictures are in it.
func (r *Report) HTML() ([]byte, error) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, r); err != nil {
		return nil, fmt.Errorf("the page cannot be made: %w", err)
	}
	return b.Bytes(), nil
}
