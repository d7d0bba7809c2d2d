// Command partita serves a model file, checks it, and carries rows in and out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/model"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &console{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// commands is the command line.
type commands struct {
	New     newCommand     `cmd:"" help:"Write a starter model, small and commented."`
	Check   checkCommand   `cmd:"" help:"Check a model and print its plan of access."`
	Serve   serveCommand   `cmd:"" help:"Serve a model."`
	Migrate migrateCommand `cmd:"" help:"Bring a store up to a changed model, and tell first what that costs."`
	Status  statusCommand  `cmd:"" help:"Tell how a running service is."`
	Token   tokenCommand   `cmd:"" help:"Sign a token with the development key, to try a service."`
	OpenAPI openapiCommand `cmd:"" name:"openapi" help:"Print the OpenAPI 3.1 description of a model's service."`
	Client  clientCommand  `cmd:"" help:"Write a client of a model's service."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of model files, for editors."`
	Bench   benchCommand   `cmd:"" help:"Find out how much a model's service takes on this machine, and how long answers take."`
	Drill   drillCommand   `cmd:"" help:"Break a throw-away copy of a model's service on purpose, under load, and say which promises held."`
	Load    loadCommand    `cmd:"" hidden:"" help:"Make load as told on the input: what bench and drill start."`
	Import  importCommand  `cmd:"" help:"Put rows of a file into the store."`
	Export  exportCommand  `cmd:"" help:"Write all rows of an entity to a file."`
	Backup  backupCommand  `cmd:"" help:"Write all of a store to one file, while the service runs or not."`
	Restore restoreCommand `cmd:"" help:"Make a new store of a backup."`
	Erase   eraseCommand   `cmd:"" help:"Erase a partition in a running service, with all that was made of it, and certify it."`
	Views   viewsCommand   `cmd:"" help:"Tell how the views of a store are, and compare them with their sources."`
	Dead    deadCommand    `cmd:"" help:"List dead letters of a running service, show one, or drop some."`
	Replay  replayCommand  `cmd:"" help:"Have dead letters of a running service tried again."`
	Plan    planCommand    `cmd:"" help:"Work out what a service needs as it grows, and what breaks first."`
	Advise  adviseCommand  `cmd:"" help:"Tell what to change in the model of a running service, from what it measured."`
	Observe observeCommand `cmd:"" help:"Write a Grafana dashboard and Prometheus alert rules for a model."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// console is where a command speaks: results on out, all else on err.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	fine    = 0
	failed  = 1
	badCall = 2 // bad usage, or a bad model
)

// usage marks an error as one of the call itself.
type usage struct{ error }

// Unwrap gives the error that is marked.
func (u usage) Unwrap() error { return u.error }

// exit is how kong ends the program from within, as for --help.
type exit int

// run carries out one command line and gives its exit code.
func run(ctx context.Context, args []string, c *console) (code int) {
	defer func() {
		if p := recover(); p != nil {
			early, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(early)
		}
	}()
	parser, err := kong.New(&commands{}, kong.Name("partita"),
		kong.Description("A data-model-first application server: one model file is the whole service."),
		kong.Writers(c.out, c.err), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(c))
	if err != nil {
		fmt.Fprintln(c.err, "partita:", err)
		return failed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == "help" {
		args = append(args[1:], "--help")
	}
	call, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(c.err, "partita: %v; %s\n", err, wayOut(err))
		return badCall
	}
	return c.report(call.Run())
}

// wayOut names the help that answers what was wrong with a command line.
func wayOut(err error) string {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		if command := parse.Context.Selected(); command != nil {
			return fmt.Sprintf("`partita %s --help` tells what it takes", command.Path())
		}
	}
	return "`partita --help` lists the commands"
}

// report says what went wrong, for a person, and gives the exit code.
func (c *console) report(err error) int {
	if err == nil {
		return fine
	}
	if complaints, ok := errors.AsType[*model.Complaints](err); ok {
		fmt.Fprintln(c.err, complaints)
		return badCall
	}
	if quiet, ok := errors.AsType[told](err); ok {
		return int(quiet)
	}
	fmt.Fprintln(c.err, "partita:", words(err))
	if _, ok := errors.AsType[usage](err); ok {
		return badCall
	}
	return failed
}

// told is the exit code of a command that has said already what went wrong.
type told int

func (t told) Error() string { return fmt.Sprintf("exit code %d", int(t)) }

type versionCommand struct{}

func (versionCommand) Run(c *console) error {
	_, err := fmt.Fprintln(c.out, "partita", partita.Version())
	return err
}
