package client

import (
	"go/token"
	"strings"
)

// initials are written in capitals, as Go does.
var initials = map[string]string{
	"id": "ID", "url": "URL", "uri": "URI", "http": "HTTP", "json": "JSON", "api": "API", "ip": "IP", "sku": "SKU", "sql": "SQL", "uuid": "UUID",
	"html": "HTML", "vat": "VAT", "utc": "UTC", "ids": "IDs", "urls": "URLs",
}

// camel turns lower_snake into a Go name that is exported.
func camel(snake string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(snake, "_") {
		switch {
		case part == "":
		case initials[part] != "":
			b.WriteString(initials[part])
		default:
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// variable turns lower_snake into the name of a parameter.
func variable(snake string) string {
	first, rest, _ := strings.Cut(snake, "_")
	name := first + camel(rest)
	switch name {
	case "ctx", "c", "q", "in", "at", "options", "after", "string", "text", "place", "get", "tell", "all", "accept", "follow", "put", "url", "context", "iter":
		return name + "_"
	}
	if token.IsKeyword(name) || name == "" {
		return name + "_"
	}
	return name
}

// constant turns any text into the last part of a constant's name.
func constant(text string) string {
	var b strings.Builder
	upper := true
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z' && upper:
			b.WriteRune(c - 'a' + 'A')
			upper = false
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			b.WriteRune(c)
			upper = false
		default:
			upper = true
		}
	}
	return b.String()
}
