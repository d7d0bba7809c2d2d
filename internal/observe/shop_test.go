package observe_test

import (
	"time"

	"github.com/partita-dev/partita/model"
)

// shop is a small service made by hand: two reads, two writes, two business metrics.
func shop() *model.Model {
	id := &model.Field{Name: "customer_id", Type: model.Type{Kind: model.KindUUID}}
	key := &model.Field{Name: "order_id", Type: model.Type{Kind: model.KindUUID}, Pos: 1}
	status := &model.Field{Name: "status", Type: model.Type{Kind: model.KindEnum, Enum: []string{"placed", "paid"}}, Pos: 2}
	f := &model.Family{Name: "customer", By: id, Expect: 1e7}
	order := &model.Entity{Name: "order", Family: f, Fields: []*model.Field{id, key, status}, Key: []*model.Field{key}, Expect: 40}
	index := &model.Index{Name: "order_by_status", Entity: order, Equal: []*model.Field{status}, Order: []model.Order{{Field: key, Desc: true}}}
	params := []*model.Input{{Field: id, Required: true}, {Field: key, Index: 1, Required: true}}
	m := &model.Model{
		Service: "shop", Revision: "r1",
		Families: []*model.Family{f},
		Entities: []*model.Entity{order},
		Reads: []*model.Read{
			{ID: 0, Name: "order", Of: order, Params: params, Fresh: 30 * time.Second, Stale: 10 * time.Minute},
			{ID: 1, Name: "orders", Of: order, List: true, Params: params[:1], Filter: []*model.Field{status}, IndexOf: []*model.Index{nil, index}},
			{ID: 2, Name: "internal", Of: order, Internal: true},
		},
		Writes: []*model.Write{
			{ID: 0, Name: "place_order", Family: f, Steps: []*model.Step{{Op: model.OpInsert, Entity: order}}},
			{ID: 1, Name: "pay_order", Family: f, Steps: []*model.Step{{Op: model.OpUpdate, Entity: order}}, Priority: model.Critical, Async: model.AsyncOffered},
		},
		Feeds: []*model.Feed{{Name: "my_orders", Of: []*model.Entity{order}}},
	}
	m.Metrics = []*model.Metric{
		{ID: 0, Name: "orders_placed", Write: m.Writes[0]},
		{ID: 1, Name: "revenue_cents", Write: m.Writes[1], Sum: &model.Expr{Source: "order.total"}, By: []model.NamedExpr{{Name: "country"}}},
	}
	return m
}
