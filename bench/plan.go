package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
)

// number is one of a forecast.
type number struct {
	Value float64 `json:"value"`
}

// forecast is what is read of the output of `partita plan --json`.
type forecast struct {
	Entities []struct {
		Name  string `json:"name"`
		Bytes number `json:"bytes"`
	} `json:"entities"`
	Log struct {
		Heads number `json:"heads_bytes"`
	} `json:"change_log"`
	Scaling *struct {
		Upto  float64 `json:"measured_up_to"`
		Ahead number  `json:"at_1_5_times"`
	} `json:"scaling"`
	Writes []struct {
		Name  string `json:"name"`
		Bytes number `json:"bytes"`
	} `json:"writes"`
}

// foretell asks `partita plan`.
func (b *run) foretell(model string, args ...string) (*forecast, error) {
	out, err := exec.Command(b.partita, append([]string{"plan", model, "--json"}, args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("partita plan: %w", err)
	}
	var f forecast
	return &f, json.Unmarshal(out, &f)
}

// plan checks the forecast of `partita plan` against what then comes.
func (b *run) plan() error {
	return errors.Join(b.scaling(), b.sizes(false), b.sizes(true))
}
