package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// starter is the model that `partita new` writes.
//
//go:embed starter.yaml
var starter []byte

type newCommand struct {
	Dir string `arg:"" optional:"" default:"." help:"Folder for the model; made if it is not there."`
}

func (k *newCommand) Run(c *console) error {
	if err := os.MkdirAll(k.Dir, 0o755); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	path := filepath.Join(k.Dir, "model.yaml")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usage{fmt.Errorf("%s is there already: choose another folder, or move it away", path)}
	}
	if err != nil {
		return fmt.Errorf("the model cannot be written: %w", err)
	}
	_, err = f.Write(starter)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the model cannot be written: %w", err)
	}
	word := path
	if strings.ContainsAny(word, " \t") {
		word = strconv.Quote(word)
	}
	fmt.Fprintf(c.out, "%s is written. Next:\n  partita check %s\n  partita serve %[2]s\n  partita token --sub ada     # to call it as ada\n", path, word)
	return nil
}
