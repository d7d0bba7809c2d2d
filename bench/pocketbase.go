package main

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// pocketID makes PocketBase's 15-character id of the n-th order.
func pocketID(n int) string { return fmt.Sprintf("o%014d", n) }

// servePocketBase serves the same orders by PocketBase as it comes, or without its request log.
func servePocketBase(c floorConfig, log bool) error {
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: c.Dir, HideStartBanner: true})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	if !log {
		app.Settings().Logs.MaxDays = 0
		if err := app.Save(app.Settings()); err != nil {
			return err
		}
	}
	orders := core.NewBaseCollection("orders")
	orders.ViewRule, orders.CreateRule = types.Pointer(""), types.Pointer("")
	orders.Fields.Add(
		&core.TextField{Name: "customer_id", Required: true, Max: 36},
		&core.TextField{Name: "number", Max: 12},
		&core.SelectField{Name: "status", Values: []string{"placed", "paid", "shipped", "cancelled"}},
		&core.NumberField{Name: "total", OnlyInt: true},
		&core.TextField{Name: "note", Max: 2000},
		&core.AutodateField{Name: "placed_at", OnCreate: true},
	)
	if err := app.Save(orders); err != nil {
		return err
	}
	if err := fillPocketBase(app); err != nil {
		return err
	}
	fmt.Println("listening", c.Listen)
	return apis.Serve(app, apis.ServeConfig{HttpAddr: c.Listen})
}

// fillPocketBase writes the orders straight into its database: through its records it would take
// minutes.
func fillPocketBase(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		q := tx.NonconcurrentDB().NewQuery(`INSERT INTO orders (id, customer_id, number, status, total, note, placed_at)
			VALUES ({:id}, {:customer}, {:number}, {:status}, {:total}, '', {:placed})`).Prepare()
		defer q.Close()
		for n := range orders {
			o := orderAt(n)
			_, err := q.Bind(dbx.Params{"id": pocketID(n), "customer": o.Customer, "number": o.Number, "status": o.Status,
				"total": o.Total, "placed": o.Placed.Format("2006-01-02 15:04:05.000Z")}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
}
