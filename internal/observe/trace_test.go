package observe_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/observe"
)

// receiver is an OTLP/HTTP receiver that hands on what it gets.
func receiver(t *testing.T) (url string, requests chan *collector.ExportTraceServiceRequest) {
	requests = make(chan *collector.ExportTraceServiceRequest, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1/traces" {
			http.NotFound(w, req)
			return
		}
		var body io.Reader = req.Body
		if req.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		var r collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &r); err != nil {
			t.Error(err)
		}
		requests <- &r
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent  = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func TestSpansReachTheReceiver(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	url, requests := receiver(t)
	tracer, err := observe.NewTracer(t.Context(), observe.TraceConfig{Model: shop(), Endpoint: url, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest("GET", "/v1/order/0190a1/0190a2", nil)
	request.Header.Set("Traceparent", parent)
	ctx, open := tracer.Start(request, "order")

	out := http.Header{}
	observe.Inject(ctx, out)
	if got := out.Get("Traceparent"); !strings.HasPrefix(got, "00-"+traceID+"-") || got == parent {
		t.Errorf("traceparent out %q: want the same trace, another span", got)
	}
	var line bytes.Buffer
	log, err := observe.Logger(&line, "json", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	log.With("a", 1).InfoContext(ctx, "hello")
	var record map[string]any
	if err := json.Unmarshal(line.Bytes(), &record); err != nil || record["trace_id"] != traceID || record["span_id"] == nil {
		t.Errorf("log record %s: want the trace's id (%v)", line.Bytes(), err)
	}

	open.End(503, fault.Unavailable, "miss", 1500*time.Millisecond)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	resource := (<-requests).ResourceSpans[0]
	service := ""
	for _, a := range resource.Resource.Attributes {
		if a.Key == "service.name" {
			service = a.Value.GetStringValue()
		}
	}
	span := resource.ScopeSpans[0].Spans[0]
	attributes := map[string]string{}
	for _, a := range span.Attributes {
		attributes[a.Key] = a.Value.String()
	}
	if text := resource.String(); strings.Contains(text, "0190a1") {
		t.Errorf("the value of a partition is in the span: %s", text)
	}
	if service != "shop" || span.Name != "GET /v1/order/{customer_id}/{order_id}" || span.Kind != otlp.Span_SPAN_KIND_SERVER ||
		span.Status.Code != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("service %q, span %v", service, span)
	}
	for key, want := range map[string]string{
		"partita.pattern": `string_value:"order"`, "partita.partition.family": `string_value:"customer"`,
		"partita.cache": `string_value:"miss"`, "error.type": `string_value:"unavailable"`,
		"http.response.status_code": "int_value:503", "partita.store.duration": "double_value:1.5",
	} {
		if attributes[key] != want {
			t.Errorf("%s is %s, want %s", key, attributes[key], want)
		}
	}
}

func TestWithoutAReceiverThereIsNoTracer(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tracer, err := observe.NewTracer(t.Context(), observe.TraceConfig{Model: shop()})
	if tracer != nil || err != nil {
		t.Fatalf("tracer %v, %v", tracer, err)
	}
	request := httptest.NewRequest("GET", "/v1/order/0190a1/0190a2", nil)
	request.Header.Set("Traceparent", parent)
	n := testing.AllocsPerRun(100, func() {
		_, open := tracer.Start(request, "order")
		open.End(200, "", "hit", 0)
	})
	if n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestAReceiverThatIsAwayIsSaidOnce(t *testing.T) {
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer gone.Close()
	var health observe.Health
	var lines bytes.Buffer
	log, err := observe.Logger(&lines, "text", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := observe.NewTracer(t.Context(), observe.TraceConfig{Model: shop(), Endpoint: gone.URL, Health: &health, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	_, open := tracer.Start(httptest.NewRequest("GET", "/v1/order/0190a1/0190a2", nil), "order")
	open.End(200, "", "hit", 0)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := health.Components(); len(c) != 1 || c[0].State != observe.Degraded || strings.Count(lines.String(), "\n") != 1 {
		t.Errorf("health %+v, log %s", c, lines.String())
	}
}

func TestUnusableConfigurationIsRefusedInWords(t *testing.T) {
	if _, err := observe.NewTracer(t.Context(), observe.TraceConfig{Model: shop(), Endpoint: "not a url"}); err == nil || !strings.Contains(err.Error(), "http://host:4318") {
		t.Errorf("endpoint: %v", err)
	}
	if _, err := observe.Logger(io.Discard, "xml", slog.LevelInfo); err == nil || !strings.Contains(err.Error(), "json or text") {
		t.Errorf("format: %v", err)
	}
}
