package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/partita-dev/partita/internal/client"
)

type clientCommand struct {
	Go clientGoCommand `cmd:"" name:"go" help:"Write a Go package that calls the service; it needs the standard library only."`
}

type clientGoCommand struct {
	File    string `arg:"" help:"Model file."`
	Out     string `help:"Folder for the package; made if it is not there. Default: the service's name and client." placeholder:"DIR"`
	Package string `help:"Name of the package. Default: as the folder." placeholder:"NAME"`
	Check   bool   `help:"Write nothing; fail if what is there is not what would be written."`
}

func (k *clientGoCommand) Run(c *console) error {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	if k.Out == "" {
		k.Out = client.PackageName(m.Service) + "client"
	}
	if k.Package == "" {
		dir, err := filepath.Abs(k.Out)
		if err != nil {
			return err
		}
		k.Package = client.PackageName(filepath.Base(dir))
	}
	files, err := client.Generate(m, k.Package)
	if err != nil {
		return usage{err}
	}
	if k.Check {
		return k.compare(c, files)
	}
	if err := os.MkdirAll(k.Out, 0o755); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(k.Out, f.Name), f.Text, 0o644); err != nil {
			return fmt.Errorf("the client cannot be written: %w", err)
		}
	}
	fmt.Fprintf(c.out, "%s holds package %s: start with %[2]s.New.\n", k.Out, k.Package)
	return nil
}

// compare tells whether the folder holds what would be written.
func (k *clientGoCommand) compare(c *console, files []client.File) error {
	for _, f := range files {
		path := filepath.Join(k.Out, f.Name)
		there, err := os.ReadFile(path)
		if err != nil || string(there) != string(f.Text) {
			return errors.New(path + " is not what the model gives; run the same without --check")
		}
	}
	fmt.Fprintf(c.out, "%s is what the model gives.\n", k.Out)
	return nil
}
