package forecast

import (
	"fmt"
	"slices"

	"github.com/partita-dev/partita/model"
)

// premises lists what the forecast took for granted.
func (p *planner) premises() {
	o := p.out
	add := func(what, value, why string) { o.Assumed = append(o.Assumed, Premise{what, value, why}) }
	add("growth", "partitions and rates", "partitions stay as large as they are; there are more of them, and they are asked for in proportion")
	add("popularity", fmt.Sprintf("Zipf, exponent %g", p.Zipf), "the k-th partition is asked for in proportion to 1/k^s; usual for customers and rooms")
	if p.Measured == nil {
		add("bytes of texts", "a third of what they may hold", "`partita bench --out` measures rows as they are made from the model; your own texts are surer")
		add("cost of requests", "from a machine of 2026", "`partita bench --out` measures them on yours")
	}
	if p.Measured != nil {
		add("measured rows", "with the change that put them in", "as `partita bench` finds them; that change goes when changes are not kept any longer")
	}
	commits, reads, _ := p.storeTakes()
	add("the store takes", fmt.Sprintf("%s commits and %s reads a second", amount(commits), amount(reads)), "a server with four cores and a disk that syncs in less than a millisecond")
	add("one partition takes", fmt.Sprintf("%s commits a second; %s changes into a view", amount(onePartition), amount(oneView)), "they are done in groups, one after the other")
	add("nodes are busy", share(busyShare), "so that one may die, and a bad hour pass")
	add("changes are kept", fmt.Sprintf("%g days", p.Keep/86400), "the library's KeepChanges")
	if slices.ContainsFunc(p.Model.Views, func(v *model.View) bool { return len(v.Folds) > 0 }) {
		add("changes of folds", "none", "many changes of the source are summed up for each that is written")
	}
	add("the cache of a node", size(p.Cache), "`--cache-size`; hit rates are worked out by Che's approximation")
	switch mix, said, _ := p.expected(); {
	case said == 0:
		add("rates", fmt.Sprintf("%d requests a second in all, each pattern alike", nothingSaid), "no pattern has an `expect`; a forecast is only as good as these")
	case said < len(mix):
		add("rates that the model does not give", "a hundredth of those that it does, each", fmt.Sprintf("%d of %d patterns have an `expect`; more make a better forecast", said, len(mix)))
	}
	for _, f := range p.Model.Families {
		if f.View == nil && f.Expect == 0 {
			o.Notes = append(o.Notes, "partitions of "+f.Name+": the model expects no number, so 1,000 are taken; write `expect`.")
		}
	}
}
