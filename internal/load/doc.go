// Package load makes load from a model: rows that its reads find, requests in the proportions that
// its `expect` declares, tokens that its rules let through, and arrivals that do not wait for
// answers.
//
// A World says which rows there are. It is a function of its seed: the process that fills a store
// and the one that asks for the rows need not tell each other anything. A Mix says how often each
// pattern is asked. A Generator runs Phases of load in a process of its own, and counts.
package load
