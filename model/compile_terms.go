package model

import "fmt"

func (k *compiler) freshness(r *Read, m *members) {
	ok := true
	if n := m.get("fresh"); n != nil {
		r.Fresh, ok = k.duration(n, m.what+": fresh")
	}
	if n := m.get("stale"); n != nil {
		d, good := k.duration(n, m.what+": stale")
		r.Stale = d
		if good && ok && d <= r.Fresh {
			if d < r.Fresh {
				k.refuse(n.spot, "%s may be stale for %s, which is less than fresh", m.what, cut(n.text)).
					why("stale is the age in all that an answer may have in trouble, so it cannot be below what is fresh in health").
					fix("make stale longer than %s, or take it out", m.get("fresh").text)
			} else if d == 0 {
				k.refuse(n.spot, "%s has stale: 0", m.what).why("that is what no `stale` means").fix("take it out")
			}
		}
	}
	if r.Of == nil || r.Of.View == nil || !ok || r.Fresh != 0 || m.has("fresh") && m.get("fresh") == nil {
		return
	}
	x := k.refuse(m.at("fresh"), "%s reads the view %q, but says nothing of how fresh", m.what, r.Of.Name)
	if m.has("fresh") {
		x.Text = fmt.Sprintf("%s reads the view %q with fresh: 0", m.what, r.Of.Name)
	}
	x.why("a view follows its source, so it can be a moment behind and never promise the latest").fix("write fresh: 10s, or what readers can live with")
}

// terms reads what reads and writes have in common.
func (k *compiler) terms(m *members, priority *Priority, expect *float64, objective *Objective) {
	if n := m.get("priority"); n != nil {
		if i, ok := k.choice(n, m.what+": priority", "critical", "normal", "bulk"); ok {
			*priority = [...]Priority{Critical, Normal, Bulk}[i]
		}
	}
	if n := m.get("expect"); n != nil {
		*expect = k.rate(n, m.what+": expect")
	}
	if n := m.get("objective"); n != nil {
		k.objective(n, m.what+": objective", objective)
	}
}

func (k *compiler) objective(n *node, what string, o *Objective) {
	m, ok := k.mapping(n, what, "p50 p90 p95 p99 p999 success")
	if !ok {
		return
	}
	if len(n.pairs) == 0 {
		k.refuse(n.spot, "%s is empty", what).fix("write {p99: 50ms, success: 99.9%%}")
	}
	for _, p := range n.pairs {
		x := m.get(p.key)
		if x == nil {
			continue
		}
		if p.key == "success" {
			text, _ := k.scalar(x, what+": success")
			f := percentForm.FindStringSubmatch(text)
			if f == nil || number(f[1]) > 100 || number(f[1]) == 0 {
				if x.kind == scalarNode {
					k.refuse(x.spot, "%s: success is %q", what, cut(text)).fix("write a share such as 99.9%%")
				}
				continue
			}
			o.Success = number(f[1]) / 100
			continue
		}
		d, good := k.duration(x, what+": "+p.key)
		switch {
		case !good:
		case d <= 0:
			k.refuse(x.spot, "%s: %s is 0", what, p.key).fix("write a duration above 0")
		case o.Quantile != 0:
			k.refuse(p.spot, "%s has two quantiles", what).why("one figure is the promise").fix("keep one")
		default:
			o.Latency = d
			o.Quantile = map[string]float64{"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}[p.key]
		}
	}
}
