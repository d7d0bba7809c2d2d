// Package cluster is what the nodes of one service do for each other: they tell of their commits, so
// that caches and feeds of all nodes follow at once, and of themselves, so that any node can show
// all. Nothing here is needed for an answer to be right: messages may be lost, doubled and
// reordered, and what they are for then happens later, within the bounds of `fresh`.
package cluster

// Bus carries messages between nodes. It never makes a sender wait for a receiver, and calls the
// receiving functions one message after the other.
type Bus interface {
	SendChange(bucket int, payload []byte)
	OnChanges(f func(payload []byte)) error
	SendGossip(payload []byte)
	OnGossip(f func(payload []byte)) error
	// OnReturn calls f each time that the bus is back after it was lost.
	OnReturn(f func())
}
