package forecast

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strings"
)

//go:embed page_head.html
var pageHead string

// Page gives the forecast as one HTML page that needs nothing else: tables, and plots of what is needed
// as the service grows.
func (f *Forecast) Page() []byte { return []byte(write(f, curves(f.config, f))) }

// plot is one picture.
type plot struct {
	Title, About string
	Picture      string // SVG
}

// curves draws needs over growth, from what the model expects to 10,000 times of it, and throughput
// over concurrency where that was measured.
func curves(c Config, f *Forecast) []plot {
	var x []float64
	var commits, store, data, nodes, hits []float64
	for k := range 41 {
		c.Growth = math.Pow(10, float64(k)/10)
		g := at(c)
		reach := 0.0
		for _, r := range g.Reads {
			reach += r.Store.Value
		}
		x = append(x, c.Growth)
		commits, store = append(commits, g.Log.Rate.Value), append(store, reach)
		data, nodes, hits = append(data, g.Bytes.Value), append(nodes, g.Nodes.Service.Value), append(hits, g.Cache.Hits.Value)
	}
	growth := func(v float64) string { return factor(v) + "×" }
	now := f.Growth
	plots := []plot{
		{"What reaches the store, per second", "commits, and reads that no cache answers", draw(x, now, growth, perSecond, true, line{"commits", commits}, line{"reads", store})},
		{"Bytes in the store", "rows, indexes, and changes for as long as they are kept", draw(x, now, growth, size, true, line{"bytes", data})},
		{"Nodes of Partita", fmt.Sprintf("with %s each", plural(f.Nodes.Each, "core")), draw(x, now, growth, amount, true, line{"nodes", nodes})},
		{"Found in a node's cache", "of what may be cached", draw(x, now, growth, share, false, line{"hits", hits})},
	}
	if s := f.Scaling; s != nil {
		var n, law []float64
		for k := range 41 {
			at := s.Upto * 2 * float64(k+1) / 41
			n, law = append(n, at), append(law, s.at(at))
		}
		plots = append(plots, plot{"Throughput over concurrency", "the Universal Scalability Law, and what was measured (dots)",
			draw(n, s.Upto*1.5, unit("%.3g"), perSecond, false, append([]line{{"law", law}}, dots(s, n)...)...)})
	}
	return plots
}

// line is one curve; where its name is "" its points are dots.
type line struct {
	name string
	y    []float64
}

// dots puts measured points on the nearest places of x.
func dots(s *Scaling, x []float64) []line {
	y := make([]float64, len(x))
	for i := range y {
		y[i] = math.NaN()
	}
	for _, p := range s.Points {
		best := 0
		for i := range x {
			if math.Abs(x[i]-p.Concurrency) < math.Abs(x[best]-p.Concurrency) {
				best = i
			}
		}
		y[best] = p.Throughput
	}
	return []line{{"", y}}
}

// draw makes an SVG of curves; logarithmic in both directions, or linear in both. A thin line stands at now.
func draw(x []float64, now float64, xText, yText func(float64) string, logarithmic bool, lines ...line) string {
	const w, h, left, right, bottom = 520.0, 240.0, 84.0, 34.0, 26.0
	scale := func(v float64) float64 { return v }
	xScale := func(v float64) float64 { return math.Log10(v) }
	if logarithmic {
		scale = func(v float64) float64 { return math.Log10(max(v, 1e-3)) }
	}
	if x[0] > 0 && x[len(x)-1]/x[0] < 1000 {
		xScale = func(v float64) float64 { return v }
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, v := range l.y {
			if !math.IsNaN(v) {
				low, high = min(low, scale(v)), max(high, scale(v))
			}
		}
	}
	if !logarithmic {
		low = 0
	}
	if high-low < 1e-9 {
		high = low + 1
	}
	px := func(v float64) float64 {
		return left + (xScale(v)-xScale(x[0]))/(xScale(x[len(x)-1])-xScale(x[0]))*(w-left-right)
	}
	py := func(v float64) float64 { return h - bottom - (scale(v)-low)/(high-low)*(h-bottom-14) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" role="img">`, w, h)
	for i := range 5 { // heights, with what they stand for
		level := low + (high-low)*float64(i)/4
		v := level
		if logarithmic {
			v = math.Pow(10, level)
		}
		fmt.Fprintf(&b, `<path class="grid" d="M%.0f %.1fH%.0f"/><text x="%.0f" y="%.1f" class="y">%s</text>`, left, py(v), w-right, left-6, py(v)+4, yText(v))
	}
	for i := 0; i < len(x); i += (len(x) - 1) / 4 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" class="x">%s</text>`, px(x[i]), h-8, xText(x[i]))
	}
	if now >= x[0] && now <= x[len(x)-1] {
		fmt.Fprintf(&b, `<path class="now" d="M%.1f 10V%.0f"/>`, px(now), h-bottom)
	}
	for i, l := range lines {
		if l.name == "" {
			for k, v := range l.y {
				if !math.IsNaN(v) {
					fmt.Fprintf(&b, `<circle class="dot" cx="%.1f" cy="%.1f" r="3.5"/>`, px(x[k]), py(v))
				}
			}
			continue
		}
		fmt.Fprintf(&b, `<path class="line l%d" d="`, i)
		for k, v := range l.y {
			fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(k, 1)], px(x[k]), py(v))
		}
		last := len(x) - 1
		fmt.Fprintf(&b, `"/><text x="%.1f" y="%.1f" class="name l%d">%s</text>`, px(x[last])-4, py(l.y[last])+14, i, html.EscapeString(l.name))
	}
	b.WriteString("</svg>")
	return b.String()
}
