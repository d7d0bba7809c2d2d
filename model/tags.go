package model

// Tag names a part of a partition's content, as a hash: one row, or the rows that a list shows.
// A collision of two tags costs a needless invalidation and nothing else.
type Tag uint64

// RowChange is what one commit did to one row. Before is nil for an insert, After for a delete.
// An expiry is a delete with Expired set.
type RowChange struct {
	Entity  *Entity
	Before  *Row
	After   *Row
	Expired bool
}

// Tag gives the tag of the answer to a request: of one row for a get, of the rows with the given
// `by` and filter values for a list. args are by Read.Params.
func (r *Read) Tag(args *Args) Tag { panic("unwritten") }

// Touches appends the tags of every answer that the change may alter, each at least once.
func (m *Model) Touches(dst []Tag, c *RowChange) []Tag { panic("unwritten") }
