package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/internal/forecast"
)

type planCommand struct {
	File     string  `arg:"" help:"Model file."`
	Growth   string  `help:"How many times the partitions and rates that the model expects, such as 100x." default:"1x" placeholder:"N"`
	Measured string  `help:"Report of partita bench --out, for surer numbers." placeholder:"FILE"`
	Store    string  `help:"Store to plan for: sqlite or postgres. Default: as measured, else sqlite." enum:",sqlite,postgres" default:"" placeholder:"STORE"`
	Cores    int     `help:"Cores of a node. Default: as measured, else 4." placeholder:"N"`
	Zipf     float64 `help:"How popular the popular partitions are: the k-th is asked for in proportion to 1/k^N. Default: as measured, else 0.99." placeholder:"N"`
	HTML     string  `help:"Write a page with plots to this file." name:"html" placeholder:"FILE"`
	JSON     bool    `help:"Print JSON."`
}

func (k *planCommand) Run(c *console) error {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	growth, err := strconv.ParseFloat(strings.TrimRight(strings.ReplaceAll(k.Growth, ",", ""), "x×"), 64)
	if err != nil || !(growth > 0) {
		return usage{fmt.Errorf("%q is no growth; give one such as --growth 100x", k.Growth)}
	}
	config := forecast.Config{Model: m, Growth: growth, Cores: k.Cores, Zipf: k.Zipf, Postgres: k.Store == "postgres"}
	if k.Measured != "" {
		if config.Measured, err = readReport(k.Measured); err != nil {
			return err
		}
	}
	f, err := forecast.Make(config)
	if err != nil {
		return usage{err}
	}
	if k.HTML != "" {
		if err := os.WriteFile(k.HTML, f.Page(), 0o644); err != nil {
			return fmt.Errorf("the page cannot be written: %w", err)
		}
	}
	return c.print(f, k.JSON)
}

// readReport reads what partita bench stored.
func readReport(path string) (*bench.Report, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage{fmt.Errorf("there is no file %s; `partita bench --out %[1]s` makes it", path)}
	case err != nil:
		return nil, usage{fmt.Errorf("the measurement cannot be read: %w", err)}
	}
	var r bench.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, usage{fmt.Errorf("%s is not a report of partita bench: %w", path, err)}
	}
	return &r, nil
}
