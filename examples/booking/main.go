// Command booking serves rooms that are booked by the night: a program of its own that embeds Partita.
// The model is in booking.yaml; what it cannot say is here, in two functions.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/fault"
)

//go:embed booking.yaml
var source []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app, err := newApp(partita.Config{
		DataDir: envOr("BOOKING_DATA", "booking-data"),
		Listen:  envOr("BOOKING_LISTEN", "127.0.0.1:8080"),
		Admin:   envOr("BOOKING_ADMIN", "127.0.0.1:8081"),
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// newApp makes the service: the model, and the functions that belong to it.
func newApp(c partita.Config) (*partita.App, error) {
	c.Model, c.ModelSource = "booking.yaml", source
	app, err := partita.Open(c)
	if err != nil {
		return nil, err
	}
	partita.Handle(app, "book", book)
	partita.On(app, "booked", confirm)
	return app, nil
}

type room struct{ Beds, Price int }

type booking struct {
	First         string // a date: the first night
	Nights, Total int
	Guest         string
	Ends          time.Time
}

// order is what a caller asks for, receipt what he gets: by the names of the model's input and returns.
type (
	order struct {
		First  string
		Nights int
		Guest  string
	}
	receipt struct {
		First         string
		Nights, Total int
	}
)

// book keeps a room for some nights, unless one of them is taken. It runs inside the room's transaction:
// two callers who want the same night come one after the other, on however many nodes.
func book(_ context.Context, tx *partita.Tx, in order) (receipt, error) {
	var r room
	switch found, err := tx.Get("room", &r); {
	case err != nil:
		return receipt{}, err
	case !found:
		return receipt{}, fault.New(fault.MissingRow, "There is no room %s.", tx.Partition())
	}
	first, err := time.Parse(time.DateOnly, in.First)
	if err != nil {
		return receipt{}, err
	}
	if first.Before(tx.Now().Truncate(24 * time.Hour)) {
		return receipt{}, fault.New(fault.GuardFailed, "The night of %s is over; book from today on.", in.First)
	}
	ends := first.AddDate(0, 0, in.Nights)
	var taken []booking
	if err := tx.List("booking", &taken, nil, 5000); err != nil {
		return receipt{}, err
	}
	for _, b := range taken {
		begins, err := time.Parse(time.DateOnly, b.First)
		if err != nil {
			return receipt{}, err
		}
		if begins.Before(ends) && first.Before(b.Ends) {
			return receipt{}, fault.New(fault.GuardFailed, "The room is taken from %s for %d nights.", b.First, b.Nights)
		}
	}
	total := in.Nights * r.Price
	return receipt{in.First, in.Nights, total}, tx.Insert("booking", booking{in.First, in.Nights, total, in.Guest, ends})
}

// confirm writes a letter to the guest once the booking is committed. It may be called more than once
// for one event, such as when a node dies; the letter is written once all the same.
func confirm(ctx context.Context, ev partita.Event[order]) error {
	return ev.Write(ctx, "write_letter", map[string]any{
		"room_id": ev.Partition, "event_id": ev.ID, "guest": ev.Data.Guest,
		"text": fmt.Sprintf("Your room %s is kept from %s for %d nights.", ev.Partition, ev.Data.First, ev.Data.Nights),
	})
}

func envOr(name, other string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return other
}
