package model

// Read returns the read of that name, nil if there is none.
func (m *Model) Read(name string) *Read {
	for _, r := range m.Reads {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Write returns the write of that name, nil if there is none.
func (m *Model) Write(name string) *Write {
	for _, w := range m.Writes {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// Entity returns the entity of that name, nil if there is none.
func (m *Model) Entity(name string) *Entity {
	for _, e := range m.Entities {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Family returns the family of partitions of that name, nil if there is none.
func (m *Model) Family(name string) *Family {
	for _, f := range m.Families {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Field returns the field of that name, nil if there is none.
func (e *Entity) Field(name string) *Field {
	for _, f := range e.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// KeyOf returns the key of a row, without the partition.
func (e *Entity) KeyOf(row *Row) []Value {
	key := make([]Value, len(e.Key))
	for i, f := range e.Key {
		key[i] = row.Values[f.Pos]
	}
	return key
}

// AllReads returns the named reads, then the internal ones of access: Read.ID is the index.
func (m *Model) AllReads() []*Read {
	if m.Access == nil || len(m.Access.Loads) == 0 {
		return m.Reads
	}
	all := append([]*Read(nil), m.Reads...)
	for _, l := range m.Access.Loads {
		all = append(all, l.Read)
	}
	return all
}
