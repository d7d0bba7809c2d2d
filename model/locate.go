package model

// Place is where a member of a mapping stands in a model file, counted from 1, in characters.
type Place struct {
	Line, Column int // of its key
	Inside       int // column of the first key of its value; 0 where that is no mapping, or an empty one
}

// Locate finds a member of a model file by its keys from the outside in, such as "reads", "orders",
// "fresh". ok is false where there is none, or the file is not YAML.
func Locate(src []byte, path ...string) (place Place, ok bool) {
	r := &yamlReader{complaints: &complaints{lines: splitLines(src)}, env: func(string) (string, bool) { return "0", true }}
	at := r.read(src)
	for _, key := range path {
		if at.bad() {
			return Place{}, false
		}
		found := false
		for _, p := range at.pairs {
			if p.key == key {
				place, at, found = Place{Line: p.line, Column: p.column}, p.value, true
				break
			}
		}
		if !found {
			return Place{}, false
		}
	}
	if !at.bad() && len(at.pairs) > 0 {
		place.Inside = at.pairs[0].column
	}
	return place, len(path) > 0
}
