package store

import "errors"

// ErrHeld stands in the chain of an error of opening a store that another process has, where only one
// may have it.
var ErrHeld = errors.New("another process has the store")

// Trouble says, for people, what keeps a store from working. It stands in the chain of causes of an
// error of code Unavailable, where the adapter knows.
type Trouble string

// The troubles that adapters know.
const (
	Full     Trouble = "its disk is full"
	Starting Trouble = "it is starting, or being shut down"
	Crowded  Trouble = "it takes no more connections"
	Standby  Trouble = "it takes no writes, as a standby does"
	Refusing Trouble = "it does not accept the user or the password"
)

// Error gives the sentence.
func (t Trouble) Error() string { return string(t) }
