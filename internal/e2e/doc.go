// Package e2e holds tests of the whole service through HTTP, as its users see it.
package e2e
