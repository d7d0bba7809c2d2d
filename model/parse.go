package model

import "strings"

// Parse reads a model file. name is used in complaints only; env looks up ${NAME} (os.LookupEnv in
// a server; nil: nothing is set). The error is *Complaints: all that is wrong, at once. It never
// panics, whatever src holds.
func Parse(name string, src []byte, env func(string) (string, bool)) (*Model, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	c := &complaints{file: name, lines: splitLines(src)}
	r := &yamlReader{complaints: c, env: env}
	root := r.read(src)
	if root.bad() {
		return nil, c.result()
	}
	k := newCompiler(c, root)
	k.compile()
	if err := c.result(); err != nil {
		return nil, err
	}
	return k.m, nil
}

// splitLines gives the lines of a file without their ends, whatever system wrote it.
func splitLines(src []byte) []string {
	if len(src) > maxBytes {
		return nil
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}
