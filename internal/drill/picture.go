package drill

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The measures of a picture, in its own units.
const (
	width     = 900.0
	left      = 56.0 // for the numbers
	rateHigh  = 150.0
	waitTop   = rateHigh + 26
	waitHigh  = 70.0
	statesTop = waitTop + waitHigh + 30
	stateHigh = 16.0
)

// layer is one area of the stack of requests.
type layer struct {
	name string
	of   func(*Point) float64
}

var layers = []layer{
	{"answered", func(p *Point) float64 { return p.Answered - p.Stale }},
	{"stale", func(p *Point) float64 { return p.Stale }},
	{"away", func(p *Point) float64 { return p.Away }},
	{"shed", func(p *Point) float64 { return p.Shed }},
	{"lost", func(p *Point) float64 { return p.Lost }},
}

// picture draws a timeline as SVG: requests by what became of them, the p99 of what was answered, and
// what the service said of itself.
func picture(t *Timeline) string {
	d := drawing{t: t, length: float64(len(t.Points)) * t.Step}
	parts := d.parts()
	bottom := statesTop + stateHigh*float64(len(parts)) + 24
	fmt.Fprintf(&d.b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="what happened over time">`, width, bottom)
	fmt.Fprintf(&d.b, `<rect class="trouble" x="%.1f" y="0" width="%.1f" height="%.1f"/>`, d.x(t.Begin), d.x(t.End)-d.x(t.Begin), bottom-20)
	d.rates()
	d.waits()
	d.states(parts)
	for s := 0.0; s <= d.length; s += d.every() {
		fmt.Fprintf(&d.b, `<text class="axis" x="%.1f" y="%.1f" text-anchor="middle">%.0f s</text>`, d.x(s), bottom-4, s)
	}
	d.b.WriteString(`</svg>`)
	return d.b.String()
}

type drawing struct {
	b      strings.Builder
	t      *Timeline
	length float64
}

func (d *drawing) x(seconds float64) float64 {
	return left + (width-left-8)*seconds/max(d.length, d.t.Step)
}

// every is the distance of the marks on the axis of time.
func (d *drawing) every() float64 {
	for _, e := range []float64{1, 2, 5, 10, 20, 60} {
		if d.length/e <= 16 {
			return e
		}
	}
	return math.Ceil(d.length / 16)
}

// rates draws the stack of requests. Rates are averaged over half a second, so that the picture shows
// what happened and not the noise of arrivals.
func (d *drawing) rates() {
	n := max(1, int(0.5/d.t.Step))
	var points []Point
	for i := 0; i < len(d.t.Points); i += n {
		var sum Point
		some := d.t.Points[i:min(i+n, len(d.t.Points))]
		for _, p := range some {
			k := 1 / float64(len(some))
			sum.Asked += p.Asked * k
			sum.Answered += p.Answered * k
			sum.Stale += p.Stale * k
			sum.Shed += p.Shed * k
			sum.Away += p.Away * k
			sum.Lost += p.Lost * k
		}
		points = append(points, sum)
	}
	highest := 1.0
	for _, p := range points {
		highest = max(highest, p.Asked)
	}
	y := func(rate float64) float64 { return rateHigh - (rateHigh-12)*rate/highest }
	under := make([]float64, len(points))
	for _, l := range layers {
		var up, down []string
		for i := range points {
			from := under[i]
			under[i] += max(0, l.of(&points[i]))
			a, z := d.x(float64(i*n)*d.t.Step), d.x(min(d.length, float64((i+1)*n)*d.t.Step))
			up = append(up, fmt.Sprintf("%.1f,%.1f %.1f,%.1f", a, y(under[i]), z, y(under[i])))
			down = append(down, fmt.Sprintf("%.1f,%.1f %.1f,%.1f", z, y(from), a, y(from)))
		}
		for i, j := 0, len(down)-1; i < j; i, j = i+1, j-1 {
			down[i], down[j] = down[j], down[i]
		}
		fmt.Fprintf(&d.b, `<polygon class="%s" points="%s %s"><title>%[1]s</title></polygon>`, l.name, strings.Join(up, " "), strings.Join(down, " "))
	}
	fmt.Fprintf(&d.b, `<text class="axis" x="%.0f" y="16" text-anchor="end">%.0f/s</text><text class="axis" x="%[1]f" y="%.0f" text-anchor="end">0</text>`, left-6, highest, rateHigh)
}

// waits draws the p99 on a logarithmic scale.
func (d *drawing) waits() {
	const lowest, highest = 0.1, 10_000.0
	y := func(ms float64) float64 {
		return waitTop + waitHigh*(1-math.Log(max(lowest, min(ms, highest))/lowest)/math.Log(highest/lowest))
	}
	for _, ms := range []float64{1, 10, 100, 1000} {
		fmt.Fprintf(&d.b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1[3]f"/><text class="axis" x="%.0f" y="%.1f" text-anchor="end">%g ms</text>`, left, width-8, y(ms), left-6, y(ms)+4, ms)
	}
	var line []string
	flush := func() {
		if len(line) > 1 {
			fmt.Fprintf(&d.b, `<polyline class="p99" points="%s"/>`, strings.Join(line, " "))
		}
		line = nil
	}
	for i, p := range d.t.Points {
		if p.P99 == 0 {
			flush()
			continue
		}
		line = append(line, fmt.Sprintf("%.1f,%.1f", d.x((float64(i)+0.5)*d.t.Step), y(p.P99)))
	}
	flush()
	fmt.Fprintf(&d.b, `<text class="axis" x="%.0f" y="%.0f">p99 of what was answered</text>`, left+4, waitTop+8)
}

// parts lists what was not well at some time, a line for each.
func (d *drawing) parts() (list []string) {
	seen := map[string]bool{}
	for _, s := range d.t.States {
		if name := s.Node + " " + s.Part; !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}

func (d *drawing) states(parts []string) {
	for i, name := range parts {
		y := statesTop + stateHigh*float64(i)
		for _, s := range d.t.States {
			if s.Node+" "+s.Part == name {
				fmt.Fprintf(&d.b, `<rect class="state %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %s</title></rect>`,
					html.EscapeString(s.State), d.x(s.From), y, max(2, d.x(s.To)-d.x(s.From)), stateHigh-3, html.EscapeString(s.Part+" "+s.State), html.EscapeString(s.Cause))
			}
		}
		fmt.Fprintf(&d.b, `<text class="axis" x="%.0f" y="%.1f">%s</text>`, left+4, y+stateHigh-5, html.EscapeString(name))
	}
}
