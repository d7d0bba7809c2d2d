package httpapi_test

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
)

// nullable has tickets that nobody may have taken yet.
const nullable = `
service: desk
partitions:
  team: {by: team_id, type: string(20), expect: 10}
entities:
  ticket:
    in: team
    key: n
    expect: 50
    fields: {n: int, owner: string(20)?, state: {enum?: [open, done]}, room: {type: string(20), default: ""}}
reads:
  free:    {list: ticket, where: {owner: = null}, fresh: 1m}
  pending: {list: ticket, where: {state: [= null, open]}, fresh: 1m}
  tickets: {list: ticket, filter: [owner, room], fresh: 1m}
writes:
  add:   {insert: ticket, input: [owner, state, room]}
  claim: {update: ticket, when: {owner: = null}, set: {owner: = input.who}, input: {who: string(20)}}
  leave: {update: ticket, set: {owner: = null}}
  close: {update: ticket, when: {state: [= null, open]}, set: {state: done}}
`

func helpdesk(t *testing.T) (s *service, numbers func(path, want string)) {
	t.Helper()
	m, err := model.Parse("desk.yaml", []byte(nullable), nil)
	if err != nil {
		t.Fatal(err)
	}
	s = serve(t, m, nil)
	return s, func(path, want string) {
		t.Helper()
		if _, have := s.page(path); have != want {
			t.Errorf("%s shows %s, want %s", path, have, want)
		}
	}
}

// Conditions on null choose rows, their cached answers follow rows that enter and leave, and guards
// know null from values.
func TestConditionsOnNull(t *testing.T) {
	s, shows := helpdesk(t)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":1}`)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":2,"owner":"ann","state":"open"}`)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":3,"owner":"","state":"done"}`)
	shows("/v1/free/a", "1")
	shows("/v1/pending/a", "1 2")

	s.want(200, "POST", "/v1/claim", `{"team_id":"a","n":1,"who":"bob"}`)
	s.want(200, "POST", "/v1/leave", `{"team_id":"a","n":2}`)
	shows("/v1/free/a", "2")
	if p := problemIn(t, s.want(409, "POST", "/v1/claim", `{"team_id":"a","n":1,"who":"eve"}`)); p.code() != "guard_failed" || !strings.Contains(p.Detail, "owner is null") {
		t.Errorf("%+v", p)
	}
	s.want(409, "POST", "/v1/claim", `{"team_id":"a","n":3,"who":"eve"}`) // the empty text is somebody
	for _, n := range []string{"1", "2"} {
		s.want(200, "POST", "/v1/close", `{"team_id":"a","n":`+n+`}`)
	}
	s.want(409, "POST", "/v1/close", `{"team_id":"a","n":3}`)
	shows("/v1/pending/a", "")
}

// A filter that is given without a value asks for the rows without one, or, where the field is never
// null, for those with the empty text.
func TestAFilterWithoutAValueMeansNull(t *testing.T) {
	s, shows := helpdesk(t)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":1}`)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":2,"owner":"ann"}`)
	s.want(201, "POST", "/v1/add", `{"team_id":"a","n":3,"owner":"","room":"attic"}`)
	shows("/v1/tickets/a", "1 2 3")
	shows("/v1/tickets/a?room=", "1 2")
	shows("/v1/tickets/a?room=attic", "3")
	shows("/v1/tickets/a?owner=", "1")
	shows("/v1/tickets/a?owner", "1")
	shows("/v1/tickets/a?owner=ann", "2")
	shows("/v1/tickets/a?owner=null", "")
	s.want(200, "POST", "/v1/claim", `{"team_id":"a","n":1,"who":"ann"}`)
	shows("/v1/tickets/a?owner=", "")
	shows("/v1/tickets/a?owner=ann", "1 2")
}
