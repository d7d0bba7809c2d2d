package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/partita-dev/partita/internal/boards"
)

type observeCommand struct {
	File    string `arg:"" help:"Model file."`
	Grafana bool   `help:"Write a Grafana dashboard."`
	Alerts  bool   `help:"Write Prometheus alert rules, with burn rates for each objective of the model."`
	Out     string `default:"." help:"Folder for the files; made if it is not there." placeholder:"DIR"`
	Job     string `help:"Name under which Prometheus scrapes the nodes. Default: the service's name." placeholder:"NAME"`
}

func (k *observeCommand) Run(c *console) error {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	if !k.Grafana && !k.Alerts {
		return usage{errors.New("say what to write: --grafana, --alerts, or both")}
	}
	if k.Job == "" {
		k.Job = m.Service
	}
	if err := os.MkdirAll(k.Out, 0o755); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	if k.Alerts {
		if err := k.write(c, m.Service+"-alerts.yaml", boards.Alerts(m, k.Job), "name it under rule_files in Prometheus' configuration"); err != nil {
			return err
		}
	}
	if k.Grafana {
		text, err := boards.Grafana(m)
		if err != nil {
			return err
		}
		return k.write(c, m.Service+"-board.json", text, "import it in Grafana")
	}
	return nil
}

func (k *observeCommand) write(c *console, name string, text []byte, next string) error {
	path := filepath.Join(k.Out, name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	fmt.Fprintf(c.out, "%s is written; %s.\n", path, next)
	return nil
}
