package model

import _ "embed"

// Schema is the JSON Schema (2020-12) of model files, for editors. It knows their shape, and what
// each key is for; what only the whole model can tell is left to Parse.
//
//go:embed schema.json
var Schema []byte
