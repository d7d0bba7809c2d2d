package model

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"type", "min", "max", "tenant_id", "placed_at", "status", "row"}
	for name, want := range map[string]string{
		"typ": "type", "minimum": "min", "tenant": "tenant_id", "placed": "placed_at", "statsu": "status", "rwo": "row",
		"foo": "", "x": "", "colour": "", "": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
