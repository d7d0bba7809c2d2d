package client_test

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/examples/chat/chatclient"
	"github.com/partita-dev/partita/examples/shop/shopclient"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/auth"
)

var secret = []byte("a secret of the tests, 32 bytes.")

const ann = "01890a5d-ac96-774b-bcce-b302099a8057"

// serve runs a service and gives its address.
func serve(t *testing.T, model string) string {
	t.Helper()
	source, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	app := apptest.Start(t, partita.Config{
		Model: model, ModelSource: source, Admin: partita.None,
		Auth: partita.Auth{Secret: secret}, Logger: slog.New(slog.DiscardHandler),
	})
	return "http://" + app.Addr()
}

func tokenOf(t *testing.T, subject string, roles ...string) func(context.Context) (string, error) {
	t.Helper()
	text, err := auth.Mint(secret, map[string]any{"sub": subject, "roles": roles}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return shopclient.StaticToken(text)
}

func shopAs(t *testing.T, url, subject string, roles ...string) *shopclient.Client {
	t.Helper()
	c, err := shopclient.New(shopclient.Config{URL: url, Token: tokenOf(t, subject, roles...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShopThroughItsClient(t *testing.T) {
	url := serve(t, "../../examples/shop/shop.yaml")
	ctx := t.Context()
	c := shopAs(t, url, ann)

	customer, err := c.PutCustomer(ctx, shopclient.PutCustomerInput{CustomerID: ann, Name: shopclient.Some("Ann"), Email: shopclient.Some("ann@example.com")})
	if err != nil || customer.Name != "Ann" {
		t.Fatalf("%+v %v", customer, err)
	}
	place := shopclient.PlaceOrderInput{CustomerID: ann, Total: 700, Note: shopclient.Null[string](),
		Lines: []shopclient.PlaceOrderInputLines{{SKU: "tea", Quantity: 2, Price: 350}}}
	var meta shopclient.Meta
	placed, err := c.PlaceOrder(ctx, place, shopclient.IdempotencyKey("first"), shopclient.WithMeta(&meta))
	if err != nil || placed.Order.Status != shopclient.OrderStatusPlaced || len(placed.Line) != 1 || meta.Location == "" || meta.Replayed {
		t.Fatalf("%+v %+v %v", placed, meta, err)
	}
	again, err := c.PlaceOrder(ctx, place, shopclient.IdempotencyKey("first"), shopclient.WithMeta(&meta))
	if err != nil || again.Order.OrderID != placed.Order.OrderID || !meta.Replayed {
		t.Fatalf("the same key made another order: %+v %+v %v", again, meta, err)
	}

	// The read of an order may be 30 s old, yet the client sees what it wrote itself.
	if _, err := c.Order(ctx, ann, placed.Order.OrderID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CancelOrder(ctx, shopclient.CancelOrderInput{CustomerID: ann, OrderID: placed.Order.OrderID}, shopclient.IfMatch(meta.ETag)); err != nil {
		t.Fatal(err)
	}
	if o, err := c.Order(ctx, ann, placed.Order.OrderID); err != nil || o.Status != shopclient.OrderStatusCancelled {
		t.Fatalf("%+v %v", o, err)
	}
	_, err = c.CancelOrder(ctx, shopclient.CancelOrderInput{CustomerID: ann, OrderID: placed.Order.OrderID})
	if !shopclient.IsKind(err, shopclient.GuardFailed) {
		t.Fatalf("cancelled twice: %v", err)
	}
	_, err = c.CancelOrder(ctx, shopclient.CancelOrderInput{CustomerID: ann, OrderID: placed.Order.OrderID}, shopclient.IfMatch(meta.ETag))
	if !shopclient.IsKind(err, shopclient.Precondition) {
		t.Fatalf("an old tag was taken: %v", err)
	}
	_, err = shopAs(t, url, "somebody").Customer(ctx, ann)
	if !shopclient.IsKind(err, shopclient.Forbidden) {
		t.Fatalf("somebody else's customer: %v", err)
	}
}

func TestListsThroughTheClient(t *testing.T) {
	url := serve(t, "../../examples/shop/shop.yaml")
	ctx := t.Context()
	c := shopAs(t, url, ann)
	const many = 120 // more than a page
	var ids []string
	for range many {
		placed, err := c.PlaceOrder(ctx, shopclient.PlaceOrderInput{CustomerID: ann, Total: 1, Lines: []shopclient.PlaceOrderInputLines{}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, placed.Order.OrderID)
	}
	if _, err := c.CancelOrder(ctx, shopclient.CancelOrderInput{CustomerID: ann, OrderID: ids[0]}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for o, err := range c.Orders(ctx, ann, shopclient.OrdersQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, o.OrderID)
	}
	slices.Sort(seen)
	if slices.Sort(ids); !slices.Equal(seen, ids) {
		t.Errorf("%d orders of %d", len(seen), many)
	}
	cancelled := shopclient.OrdersQuery{Status: shopclient.Some(shopclient.OrderStatusCancelled),
		PlacedAtFrom: shopclient.Some(time.Now().Add(-time.Hour)), PlacedAtTo: shopclient.Some(time.Now().Add(time.Hour))}
	page, err := c.OrdersPage(ctx, ann, cancelled, shopclient.Cursor{})
	if err != nil || len(page.Items) != 1 || page.Next != "" {
		t.Errorf("%+v %v", page, err)
	}
	first, err := c.OrdersPage(ctx, ann, shopclient.OrdersQuery{}, shopclient.Cursor{})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v %v", first, err)
	}
	second, err := c.OrdersPage(ctx, ann, shopclient.OrdersQuery{}, shopclient.Cursor{After: first.Next})
	if err != nil || second.Prev == "" {
		t.Fatalf("%+v %v", second, err)
	}
	back, err := c.OrdersPage(ctx, ann, shopclient.OrdersQuery{}, shopclient.Cursor{Before: second.Prev})
	if err != nil || !slices.Equal(back.Items, first.Items) {
		t.Errorf("the page before the second is not the first: %v", err)
	}
	for _, err := range c.Orders(ctx, "not an id", shopclient.OrdersQuery{}) {
		if !shopclient.IsKind(err, shopclient.InvalidInput) {
			t.Errorf("%v", err)
		}
	}
}

func TestOperationsThroughTheClient(t *testing.T) {
	url := serve(t, "../../examples/shop/shop.yaml")
	ctx := t.Context()
	c := shopAs(t, url, ann)
	o, err := c.PlaceOrderLater(ctx, shopclient.PlaceOrderInput{CustomerID: ann, Total: 5, Lines: []shopclient.PlaceOrderInputLines{}})
	if err != nil || o.ID == "" {
		t.Fatalf("%+v %v", o, err)
	}
	placed, err := o.Wait(ctx)
	if err != nil || placed.Order.Total != 5 {
		t.Fatalf("%+v %v", placed, err)
	}
	if got, err := c.Order(ctx, ann, placed.Order.OrderID); err != nil || got.Total != 5 {
		t.Fatalf("%+v %v", got, err)
	}
	later, settled, err := shopclient.Follow[shopclient.PlaceOrderResult](c, o.ID).Poll(ctx)
	if err != nil || !settled || later.Order.OrderID != placed.Order.OrderID {
		t.Fatalf("%+v %v %v", later, settled, err)
	}
	_, _, err = shopclient.Follow[shopclient.PlaceOrderResult](shopAs(t, url, "somebody"), o.ID).Poll(ctx)
	if !shopclient.IsKind(err, "unknown_pattern") {
		t.Fatalf("another caller's operation: %v", err)
	}
}

func TestChatThroughItsClient(t *testing.T) {
	url := serve(t, "../../examples/chat/chat.yaml")
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	c, err := chatclient.New(chatclient.Config{URL: url, Token: tokenOf(t, "ann")})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := c.OpenRoom(ctx, chatclient.OpenRoomInput{RoomID: ann, Title: "Tea"})
	if err != nil || opened.Room.Title != "Tea" || opened.Member.Role != chatclient.MemberRoleAdmin {
		t.Fatalf("%+v %v", opened, err)
	}
	posted, err := c.Post(ctx, chatclient.PostInput{RoomID: ann, Text: "one"})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for change, err := range c.LiveFeed(ctx, ann, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range change.Changes {
			if row.Message != nil {
				texts = append(texts, row.Message.Text)
			}
		}
		switch len(texts) {
		case 1:
			if change.Version != 2 || change.Changes[0].Message.Seq != posted.Message.Seq {
				t.Errorf("%+v", change)
			}
			if _, err := c.Post(ctx, chatclient.PostInput{RoomID: ann, Text: "two"}); err != nil {
				t.Fatal(err)
			}
		case 2:
			enough()
		}
	}
	if !slices.Equal(texts, []string{"one", "two"}) {
		t.Errorf("the feed showed %q", texts)
	}
	stranger, err := chatclient.New(chatclient.Config{URL: url, Token: tokenOf(t, "bob")})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range stranger.LiveFeed(t.Context(), ann, chatclient.Now) {
		if !chatclient.IsKind(err, chatclient.Forbidden) {
			t.Errorf("a stranger follows: %v", err)
		}
	}
}
