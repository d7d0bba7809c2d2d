package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestADrillThatThereIsNot(t *testing.T) {
	code, _, err := command(t, "drill", "../../examples/shop/shop.yaml", "store frozn")
	if code != badCall || !strings.Contains(err, "store frozen") {
		t.Error(code, err)
	}
	if code, _, err := command(t, "bench", "../../examples/shop/shop.yaml", "--claim", "roles"); code != badCall || !strings.Contains(err, "NAME=TEXT") {
		t.Error(code, err)
	}
	if code, _, err := command(t, "bench", "../../examples/shop/shop.yaml", "--url", "https://shop.example"); code == fine || !strings.Contains(err, "http://127.0.0.1:8080") {
		t.Error(code, err)
	}
}

// What cannot be tried says why, and is no broken promise.
func TestADrillThatCannotBeRun(t *testing.T) {
	out := program(t, "drill", "../../examples/shop/shop.yaml", "store cut", "--knee", "50", "--partitions", "20", "--json")
	var doc struct {
		Drills []struct{ Drill, Why string }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Drills) != 1 || doc.Drills[0].Drill != "store cut" || !strings.Contains(doc.Drills[0].Why, "SQLite") {
		t.Error(out, err)
	}
}
