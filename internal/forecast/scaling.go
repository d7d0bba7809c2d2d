package forecast

import (
	"math"

	"github.com/partita-dev/partita/internal/bench"
)

// Scaling is throughput over concurrency by the Universal Scalability Law (Gunther 2007):
// X(N) = λN / (1 + σ(N-1) + κN(N-1)), fitted to what was measured.
type Scaling struct {
	Lambda float64 `json:"lambda"` // answers a second of one request at a time
	Sigma  float64 `json:"sigma"`  // share that cannot be done side by side
	Kappa  float64 `json:"kappa"`  // cost of agreeing with each other
	Upto   float64 `json:"measured_up_to"`
	Ahead  Number  `json:"at_1_5_times"`     // answers a second at 1.5 times the concurrency measured
	Peak   Number  `json:"peak_concurrency"` // beyond it more makes less; 0: none in sight
	Check  float64 `json:"check_off_by"`     // how far a fit without the upper third misses the highest step, as a share of it
	Held   bool    `json:"check_could_be_made"`
	Points []Point `json:"points"`
}

// Point is one measured step.
type Point struct {
	Concurrency float64 `json:"concurrency"`
	Throughput  float64 `json:"throughput"`
}

// at gives the throughput at a concurrency.
func (s *Scaling) at(n float64) float64 {
	return s.Lambda * n / (1 + s.Sigma*(n-1) + s.Kappa*n*(n-1))
}

// scaling fits the law to the steps of a measurement; nil where there are too few.
func scaling(m *bench.Report) *Scaling {
	if m == nil {
		return nil
	}
	var points []Point
	for _, s := range m.Steps {
		if s.Followed && s.InFlight > 0.05 && s.Goodput > 0 {
			points = append(points, Point{s.InFlight, s.Goodput})
		}
	}
	s := fitted(points)
	if s == nil {
		return nil
	}
	top := points[0]
	for _, x := range points {
		if x.Concurrency > top.Concurrency {
			top = x
		}
	}
	s.Upto = top.Concurrency
	s.Ahead = Number{s.at(1.5 * top.Concurrency), Measured}
	if s.Kappa > 1e-9 && s.Sigma < 1 {
		s.Peak = Number{math.Sqrt((1 - s.Sigma) / s.Kappa), Measured}
	}
	var lower []Point
	for _, x := range points {
		if x.Concurrency <= top.Concurrency/1.5 {
			lower = append(lower, x)
		}
	}
	if part := fitted(lower); part != nil {
		s.Held, s.Check = true, math.Abs(part.at(top.Concurrency)-top.Throughput)/top.Throughput
	}
	return s
}

// fitted finds the law that is nearest to the points, by least squares of what each deviates in
// proportion, with no negative factor; nil for fewer than three points.
func fitted(points []Point) *Scaling {
	if len(points) < 3 {
		return nil
	}
	// N/X = a + b(N-1) + cN(N-1), with a = 1/λ, b = σ/λ, c = κ/λ: linear in a, b and c. Weights make
	// deviations relative, and those at high concurrency count for more: what is foretold lies beyond
	// them, and stores that group what comes together do not follow the law all the way.
	var best *Scaling
	least := math.Inf(1)
	for _, use := range [][]int{{0, 1, 2}, {0, 1}, {0, 2}, {0}} {
		k, ok := solve(points, use)
		if !ok || k[0] <= 0 || k[1] < 0 || k[2] < 0 {
			continue
		}
		s := &Scaling{Lambda: 1 / k[0], Sigma: k[1] / k[0], Kappa: k[2] / k[0], Points: points}
		off := 0.0
		for _, p := range points {
			d := p.Concurrency * (s.at(p.Concurrency)/p.Throughput - 1)
			off += d * d
		}
		if off < least*0.999 {
			best, least = s, off
		}
	}
	return best
}

// solve solves the weighted normal equations for the terms in use.
func solve(points []Point, use []int) (k [3]float64, ok bool) {
	n := len(use)
	var m [3][4]float64
	for _, p := range points {
		y := p.Concurrency / p.Throughput
		weight := p.Concurrency * p.Concurrency / (y * y)
		terms := [3]float64{1, p.Concurrency - 1, p.Concurrency * (p.Concurrency - 1)}
		for i := range n {
			for j := range n {
				m[i][j] += weight * terms[use[i]] * terms[use[j]]
			}
			m[i][n] += weight * terms[use[i]] * y
		}
	}
	for i := range n { // Gauss, with the largest pivot
		pivot := i
		for j := i + 1; j < n; j++ {
			if math.Abs(m[j][i]) > math.Abs(m[pivot][i]) {
				pivot = j
			}
		}
		m[i], m[pivot] = m[pivot], m[i]
		if math.Abs(m[i][i]) < 1e-12 {
			return k, false
		}
		for j := range n {
			if j == i {
				continue
			}
			f := m[j][i] / m[i][i]
			for x := i; x <= n; x++ {
				m[j][x] -= f * m[i][x]
			}
		}
	}
	for i := range n {
		k[use[i]] = m[i][n] / m[i][i]
	}
	return k, true
}
