// Package rules is the executable model of the versioned cache: what package cache must do, as a
// simulation of one partition, its store, and several nodes whose messages are lost, doubled,
// delayed and reordered. They may share a second tier, whose answers are put late and lost. Each rule can be taken out, to show what it is there for.
//
// The model knows neither goroutines nor clocks: a World moves in steps that a driver chooses, and
// says after each whether an answer was, or could be, given that breaks a promise.
package rules

// A Rule is a rule of the cache, or a part of one, that can be taken out of a World.
type Rule uint8

// The rules. Nothing takes none out.
const (
	Nothing Rule = iota

	// What a record knows.
	Gap        // a message that does not follow the last one raises the floor: those between may come late
	Pin        // a flight pins the record before its snapshot, and fills that record or none
	FirstFloor // the first fill sets through and floor: a flight that landed before it may have read earlier
	Hold       // a pinned record stays: who joins the flight needs to know what it has missed
	Raise      // later fills do not raise through: messages up to it are still to come
	Drop       // a tag dropped for room raises the floor to its version
	Evict      // when a record goes, its answers go
	Foreign    // a change that cannot be interpreted raises the floor

	// Who may be given what.
	MinHit   // a hit meets a minimum by its own version, or as current with through beyond it
	MinStale // a stale answer meets the minimum, too
	Age      // an answer's age counts from before its snapshot
	Fresh    // a hit is within fresh
	Stale    // a stale answer is within stale
	Strong   // fresh 0 is never answered from the cache
	Join     // who arrives after a flight's start is served by it only if the result meets the terms
	Known    // … and if it has every change that was known on arrival
	Unpinned // … and if it pinned a record, else nobody knows what it has missed
	Jump     // when wall and monotonic clock part, everything expires, flights under way included

	// What a second tier, which the nodes share, may be used for. These are about a World that has one.
	Newer       // what is newer is not replaced: by version, then by time
	Used        // an answer's age is the tier's own time since it was put, and what the writer had used up
	Current     // an offer is taken only if no change is known that it lacks
	Heard       // … also of those that the node was told before the record came, or before it was started: the offer was read later
	Incarnation // keys carry the store's incarnation
	Offered     // an offer was not read after the flight's start: it must meet the terms of all who wait
	Direct      // strong readers do not board a flight that may be answered by an offer

	rules // how many there are
)

var names = [rules]string{
	"Nothing", "Gap", "Pin", "FirstFloor", "Hold", "Raise", "Drop", "Evict", "Foreign",
	"MinHit", "MinStale", "Age", "Fresh", "Stale", "Strong", "Join", "Known", "Unpinned", "Jump",
	"Newer", "Used", "Current", "Heard", "Incarnation", "Offered", "Direct",
}

// String gives the rule's name.
func (r Rule) String() string { return names[r] }

// Second tells whether the rule is about the second tier.
func (r Rule) Second() bool { return r >= Newer && r < rules }

// All lists the rules that can be taken out.
func All() []Rule {
	all := make([]Rule, 0, rules-1)
	for r := Nothing + 1; r < rules; r++ {
		all = append(all, r)
	}
	return all
}
