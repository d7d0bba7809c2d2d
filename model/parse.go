package model

// Parse reads a model file. name is used in complaints only; env looks up ${NAME} (os.LookupEnv in
// a server). The error is Complaints: all that is wrong, at once.
func Parse(name string, src []byte, env func(string) (string, bool)) (*Model, error) {
	panic("unwritten")
}

// Complaint is one thing that is wrong with a model file.
type Complaint struct {
	Line, Column int
	Text         string // what is wrong
	Why          string // why it matters; may be empty
	Fix          string // what to write instead
	Source       string // the line, for the caret
}

// Complaints is everything that is wrong with one file, in the order of the file.
type Complaints struct {
	File string
	List []Complaint
}

// Error gives the complaints as a person sees them: file:line:column, the line with a caret, why it
// matters, and what to write instead.
func (c *Complaints) Error() string { panic("unwritten") }
