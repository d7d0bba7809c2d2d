// Uses the shop through a client that a public generator made: types from the OpenAPI document, fetch
// underneath. Compiled with the strictest checks, then run against a real server.
import createClient from "openapi-fetch";
import type { components, paths } from "./shop.js";

const [url, token, customer_id] = process.argv.slice(2) as [string, string, string];
const shop = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

function want(what: boolean, text: string, seen: unknown): asserts what {
  if (!what) throw new Error(`${text}: ${JSON.stringify(seen)}`);
}

const put = await shop.POST("/v1/put_customer", { body: { customer_id, name: "Ann", email: "ann@example.com" } });
want(put.data?.name === "Ann", "the customer was not kept", put.error ?? put.data);

const placed = await shop.POST("/v1/place_order", {
  params: { header: { "Idempotency-Key": "one" } },
  body: { customer_id, total: 700, lines: [{ sku: "tea", quantity: 2, price: 350 }] },
});
const order: components["schemas"]["order"] | undefined = placed.data && "order" in placed.data ? placed.data.order : undefined;
want(order !== undefined && order.status === "placed", "the order was not placed", placed.error ?? placed.data);

const read = await shop.GET("/v1/order/{customer_id}/{order_id}", {
  params: {
    path: { customer_id, order_id: order.order_id },
    header: { "Partita-Min-Version": placed.response.headers.get("Partita-Version") ?? "" },
  },
});
want(read.data?.total === 700, "the order is not there", read.error ?? read.data);

const list = await shop.GET("/v1/orders/{customer_id}", { params: { path: { customer_id }, query: { status: "placed" } } });
want(list.data?.items.length === 1, "the list does not show it", list.error ?? list.data);

const wrong = await shop.POST("/v1/add_credit", { body: { customer_id, amount: 0 } });
want(wrong.error?.status === 422 || wrong.error?.status === 403, "a bad amount was taken", wrong.error ?? wrong.data);
console.log("well used");
