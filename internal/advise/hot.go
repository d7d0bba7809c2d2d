package advise

import (
	"fmt"
	"math"
	"strings"

	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
)

const (
	hotShare    = 0.1 // of all that a family's partitions cost,
	hotTimes    = 4   // and so many times what each would have if all had the same
	fewest      = 10  // partitions: among fewer, one is always large
	mostHot     = 3   // of a family
	oneCaller   = 0.8 // of a partition's cost, made by one caller
	callersRate = 0.1 // of what that caller does now: a quota to begin with
)

// hot looks for partitions that cost much more than others.
func (a *adviser) hot() {
	for _, x := range a.Now.Study.Families {
		family := a.Model.Family(x.Name)
		if family == nil {
			continue
		}
		requests := uint64(math.Round(x.Requests * study.CostOneIn))
		if !a.seen("partitions of "+x.Name, "requests in the last minutes", requests, LeastRequests) || len(x.Partitions) < fewest {
			continue
		}
		least := max(hotShare, hotTimes/float64(len(x.Partitions)))
		for _, p := range x.Partitions[:min(mostHot, len(x.Partitions))] {
			if sure := (p.Cost - p.Over) / x.Cost; sure >= least && p.Requests >= LeastInOne {
				a.heat(family, &x, &p, sure)
			}
		}
	}
}

// heat says why a partition is hot, and what would cool it.
func (a *adviser) heat(family *model.Family, x *study.Family, p *study.Partition, sure float64) {
	top, caller := first(p.Patterns), first(p.Callers)
	all := p.Cost - p.Over
	out := Advice{Kind: Hot, Of: family.Name + " " + p.Name, Gain: sure,
		Says: fmt.Sprintf("the %s %s takes %s of what all %s partitions cost, mostly by %s", family.Name, p.Name, share(sure), family.Name, top.Name),
		Evidence: []string{
			fmt.Sprintf("of the last minutes one request in %d was looked at, %s in all: about %s of %s were in this partition", study.CostOneIn, count(x.Requests),
				count(p.Requests*study.CostOneIn), count(x.Requests*study.CostOneIn)),
			"its cost, that is time at the store and " + study.Beside.String() + " beside it for each request, by pattern: " + parts(p.Patterns, all),
			"by caller: " + parts(p.Callers, all)}}
	if next := second(x, p); next > 0 {
		out.Evidence = append(out.Evidence, fmt.Sprintf("the next partition takes %s", share(next)))
	}
	read, write := a.Model.Read(top.Name), a.Model.Write(top.Name)
	switch {
	case (caller.Cost-caller.Over)/all >= oneCaller && caller.Name != "" && a.Model.Access != nil:
		rate := max(1, math.Ceil(a.rate(top.Name)*sure*callersRate))
		out.Says += fmt.Sprintf(", which one caller makes: %q", caller.Name)
		out.Change = a.file.member("limits", fmt.Sprintf("%s_each: {of: [%s], per: auth.sub, rate: %.0f/s}", top.Name, top.Name, rate))
		out.Think = "the rate is a tenth of what this caller does now: choose what is fair; callers beyond it get 429"
	case read != nil && read.Fresh == 0:
		out.Change = a.file.set("reads", top.Name, "fresh", "1s")
		out.Think = "with fresh, everybody who asks for the same gets the same copy, and the store is asked once a second at most"
	case write != nil && write.Async == model.Sync && !write.Code:
		out.Change = a.file.set("writes", top.Name, "async", "offered")
		out.Think = "accepted writes are applied in groups and in order; where that is not enough, a finer partition field spreads the work"
	default:
		out.Change = a.file.show("partitions", family.Name)
		if family.View != nil {
			out.Change = a.file.show("views", family.View.Name)
		}
		out.Think = "a finer partition field (or `by` of the view) spreads the work: what need not be changed together need not live together"
	}
	a.say(out)
}

// rate gives the requests a second of a pattern.
func (a *adviser) rate(name string) float64 {
	return float64(pattern(a.Now.Reads, name).Requests+pattern(a.Now.Writes, name).Requests) / max(a.Now.Covered, 1e-9)
}

func first(list []study.Share) study.Share {
	if len(list) == 0 {
		return study.Share{}
	}
	return list[0]
}

// second gives the share of the heaviest partition that comes after p.
func second(x *study.Family, p *study.Partition) float64 {
	for i := range x.Partitions {
		if x.Partitions[i].Name == p.Name && i+1 < len(x.Partitions) {
			q := x.Partitions[i+1]
			return (q.Cost - q.Over) / x.Cost
		}
	}
	return 0
}

// parts lists who has which share of a cost.
func parts(list []study.Share, all float64) string {
	const most = 4
	var texts []string
	for _, s := range list[:min(most, len(list))] {
		name := s.Name
		if name == "" {
			name = "without a token"
		}
		texts = append(texts, name+" "+share(min(1, (s.Cost-s.Over)/all)))
	}
	return strings.Join(texts, ", ")
}
