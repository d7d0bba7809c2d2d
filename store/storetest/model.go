package storetest

import (
	"testing"

	"github.com/partita-dev/partita/model"
)

// Source is the model file that the contract is tested with.
const Source = `
service: contract
partitions:
  account: {by: account_id, type: string(40), expect: 1000}
  room:    {by: room_id, type: int, expect: 1000}
entities:
  account: {in: account, fields: {name: string(100), credit: {type: int, default: 0}}}
  order:
    in: account
    key: order_id
    expect: 100
    unique: [[code]]
    fields:
      order_id: string(40)
      code:     string(20)?
      kind:     {enum: [a, b, c]}
      rank:     int?
      label:    string(50)
      at:       time
  line:
    in: account
    key: [order_id, sku]
    expect: 100
    fields: {order_id: string(40), sku: string(40), quantity: int}
  entry:
    in: account
    key: seq
    expect: 100
    keep: {for: 1h, from: at}
    fields: {seq: {type: int, default: next}, at: time, text: text(100)?}
  hold:
    in: account
    key: seat
    unique: [[who]]
    expect: 100
    keep: {for: 1h, from: at}
    fields: {seat: int, who: string(20)?, at: time?, note: string(20)}
  sample:
    in: account
    key: [u, t, d]
    expect: 100
    fields:
      u: uuid
      t: time
      d: date
      s: string(1000)
      i: int
      f: float
      b: bool
      p: decimal(18,4)
      r: bytes(100)
      j: json(1000)
      m: email
      l: url
      opt_t: time?
      opt_d: date?
      opt_f: float?
      opt_b: bool?
      opt_p: decimal(6,2)?
      opt_r: bytes(100)?
      opt_j: json(1000)?
  seat: {in: room, key: seat_id, expect: 100, fields: {seat_id: int, who: string(40)}}
reads:
  account:    {get: account}
  order:      {get: order}
  orders:     {list: order, page: 3}
  by_rank:    {list: order, sort: rank, page: 3}
  by_rank_up: {list: order, sort: -rank, page: 3}
  by_label:   {list: order, sort: [label], page: 3}
  by_kind:    {list: order, sort: [kind, -rank], page: 3}
  by_two:     {list: order, sort: [-kind, rank], page: 3}
  of_kind:    {list: order, by: [kind], sort: -rank, page: 3}
  filtered:   {list: order, filter: [kind, label], range: rank, sort: rank, page: 100}
  some_kinds: {list: order, where: {kind: [a, c]}, sort: label, page: 100}
  unranked:   {list: order, where: {rank: = null}, page: 2}
  few_ranks:  {list: order, where: {rank: [4, = null, 2], code: [a, b, = null]}, page: 100}
  lines:      {list: line, by: [order_id], page: 100}
  entry:      {get: entry}
  holds:      {list: hold, page: 100}
  entries:    {list: entry, sort: -seq, page: 100}
  sample:     {get: sample}
  seat:       {get: seat}
  seats:      {list: seat, page: 100}
writes:
  put: {insert: order, input: [order_id, code, kind, rank, label, at]}
`

// Model gives the model that the contract is tested with.
func Model(t testing.TB) *model.Model {
	t.Helper()
	return parse(t, Source)
}

func parse(t testing.TB, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("contract.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return m
}
