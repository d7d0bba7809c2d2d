package model

import (
	"fmt"
	"math"
	"slices"
)

// A partition lives on one node and is moved as a whole, so it must stay far below what a node
// holds. These bounds are what a store can still move and back up within minutes.
const (
	maxPartitionBytes = 10 << 30
	maxPartitionRows  = 10e6
)

// rowOverhead are the bytes that a row costs beside its fields: version, record and page headers,
// its part of the change log.
const rowOverhead = 40

// checkSizes complains about partitions that outgrow a node by what the model itself expects.
func (k *compiler) checkSizes() {
	for _, f := range k.m.Families {
		if f.View != nil {
			k.checkView(f.View)
			continue
		}
		rows, bytes := 0.0, 0.0
		var worst *Entity
		for _, e := range k.m.Entities {
			if e.Family != f {
				continue
			}
			n := max(e.Expect, 1)
			rows += n
			bytes += n * e.rowBytes()
			if worst == nil || n*e.rowBytes() > max(worst.Expect, 1)*worst.rowBytes() {
				worst = e
			}
		}
		if rows > maxPartitionRows || bytes > maxPartitionBytes {
			k.refuseSize(k.expectSpot(worst), quoted("partition", f.Name), f.By.Name, rows, bytes,
				fmt.Sprintf("make %s a partition of its own by a finer field, or `keep` its rows for less time and expect fewer", worst.Name))
		}
	}
}

func (k *compiler) refuseSize(at spot, what, by string, rows, bytes float64, fix string) {
	k.refuse(at, "%s outgrows a node: %s rows, some %s, for one %s", what, amount(rows), sizeText(bytes), by).
		why("a partition lives on one machine and cannot be split; the bound is %s rows or %s", amount(maxPartitionRows), sizeText(maxPartitionBytes)).
		fix("%s", fix)
}

func (k *compiler) expectSpot(e *Entity) spot {
	if n := k.nodes["entity "+e.Name]; n != nil {
		for _, p := range n.pairs {
			if p.key == "expect" {
				return p.value.spot
			}
		}
	}
	return k.place["entity "+e.Name]
}

// checkView complains about an index view over so few values that each of its partitions holds a
// large share of all rows there are.
func (k *compiler) checkView(v *View) {
	if len(v.Folds) > 0 || v.From.View != nil || v.From.Family.Expect == 0 {
		return
	}
	values := distinct(v.ByField.Type)
	if values == 0 {
		return
	}
	rows := v.From.Family.Expect * max(v.From.Expect, 1) / values
	for _, c := range v.Where {
		n := distinct(c.Field.Type)
		if slices.Contains(c.Values, Null) {
			n++
		}
		if distinct(c.Field.Type) > 0 && !slices.Contains([]*Field{v.By[0].Field}, c.Field) {
			rows *= float64(len(c.Values)) / n
		}
	}
	bytes := rows * v.Entity.rowBytes()
	if rows > maxPartitionRows || bytes > maxPartitionBytes {
		k.refuseSize(k.place["view "+v.Name], quoted("view", v.Name), v.ByField.Name, rows, bytes,
			"make it by a field with more values, or by {name: = expression} of two fields; or fold the rows into figures")
	}
}

// distinct is the number of values that a type has; 0 where there is no telling.
func distinct(t Type) float64 {
	switch t.Kind {
	case KindEnum:
		return float64(len(t.Enum))
	case KindBool:
		return 2
	}
	return 0
}

// rowBytes estimates what a row takes: fixed sizes as they are, and of texts half of what they may
// hold, up to some kilobytes, since few are full.
func (e *Entity) rowBytes() float64 {
	n := float64(rowOverhead)
	for _, f := range e.Fields {
		n += f.Type.bytes()
	}
	return n
}

func (t Type) bytes() float64 {
	switch t.Kind {
	case KindBool:
		return 1
	case KindUUID:
		return 36
	case KindEnum:
		return 8
	case KindEmail:
		return 30
	case KindURL:
		return 80
	case KindString:
		return min(float64(t.Size), 20+float64(t.Size)/4)
	case KindText, KindBytes, KindJSON:
		return min(float64(t.Size)/2, 200+float64(t.Size)/10)
	}
	return 8
}

// amount writes a number of rows as the model does.
func amount(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.3gG", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.3gM", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.3gk", n/1e3)
	}
	return fmt.Sprintf("%.0f", math.Ceil(n))
}

func sizeText(n float64) string {
	switch {
	case n >= 1<<40:
		return fmt.Sprintf("%.3g TiB", n/(1<<40))
	case n >= 1<<30:
		return fmt.Sprintf("%.3g GiB", n/(1<<30))
	}
	return fmt.Sprintf("%.3g MiB", n/(1<<20))
}
