package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// TraceConfig says where traces go. OpenTelemetry's own environment variables count too: an
// endpoint, headers, a sampler, the service's name.
type TraceConfig struct {
	Model    *model.Model // required
	Version  string       // of the program
	Endpoint string       // URL of an OTLP/HTTP receiver; "": OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT
	Logger   *slog.Logger // for failures to send; default slog.Default()
	Health   *Health      // told when traces cannot be sent; nil: nobody
}

func (c TraceConfig) wanted() bool {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return false
	}
	return c.Endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" ||
		os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Tracer makes a span of each request and sends them in the background, in a queue with a bound;
// what does not fit is dropped. A nil *Tracer makes none and costs nothing. It is safe for
// concurrent use.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	patterns map[string]tracedPattern
}

var traceContext propagation.TraceContext

// NewTracer returns a Tracer, or nil where no receiver is configured. Nothing is sent yet, so a
// receiver that is away is no error.
func NewTracer(ctx context.Context, cfg TraceConfig) (*Tracer, error) {
	if !cfg.wanted() {
		return nil, nil
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	var opts []otlptracehttp.Option
	if cfg.Endpoint != "" {
		u, err := endpoint(cfg.Endpoint)
		if err != nil {
			return nil, err
		}
		if strings.Trim(u.Path, "/") == "" {
			u.Path = "/v1/traces" // as with the environment variable
		}
		opts = append(opts, otlptracehttp.WithEndpointURL(u.String()))
	}
	exporter, err := otlptracehttp.New(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("the receiver of traces cannot be set up: check its address: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", cfg.Model.Service), attribute.String("service.version", cfg.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES cannot be read: write it as name=value,name=value: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&sender{SpanExporter: exporter, log: cfg.Logger, health: cfg.Health}),
		sdktrace.WithResource(about))
	t := &Tracer{
		provider: provider,
		tracer:   provider.Tracer("github.com/partita-dev/partita", trace.WithInstrumentationVersion(cfg.Version)),
	}
	t.describeAll(cfg.Model)
	return t, nil
}

// CheckEndpoint tells what is wrong with the URL of a receiver of traces.
func CheckEndpoint(address string) error {
	_, err := endpoint(address)
	return err
}

func endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of the receiver of traces is no URL: write it as http://host:4318")
	}
	return u, nil
}

// Span is one request being traced; End ends it. code is "" for an answer, cache is an outcome in
// words, "" for none. It is an alias so that those who call it can declare the same interface.
type Span = interface {
	End(status int, code fault.Code, cache string, store time.Duration)
}

// Start begins the span of a request to a pattern, within the trace that its headers name, if any.
// Spans tell the pattern and the family of the partition, and never a value.
func (t *Tracer) Start(r *http.Request, pattern string) (context.Context, Span) {
	ctx := r.Context()
	if t == nil {
		return ctx, openSpan{}
	}
	ctx = traceContext.Extract(ctx, propagation.HeaderCarrier(r.Header))
	about, ok := t.patterns[pattern]
	if !ok {
		about = t.describe("/v1/"+pattern, pattern, "")
	}
	ctx, s := t.tracer.Start(ctx, r.Method+" "+about.route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", r.Method)), about.attributes)
	return ctx, openSpan{s}
}

// tracedPattern is what the spans of one pattern have in common.
type tracedPattern struct {
	route      string // its address, with names in place of values
	attributes trace.SpanStartOption
}

func (t *Tracer) describe(route, pattern, family string) tracedPattern {
	attributes := []attribute.KeyValue{attribute.String("http.route", route), attribute.String("partita.pattern", pattern)}
	if family != "" {
		attributes = append(attributes, attribute.String("partita.partition.family", family))
	}
	return tracedPattern{route, trace.WithAttributes(attributes...)}
}

func (t *Tracer) describeAll(m *model.Model) {
	t.patterns = map[string]tracedPattern{}
	for _, r := range m.Reads {
		route := "/v1/" + r.Name
		for i, p := range r.Params {
			if i == 0 || !r.List {
				route += "/{" + p.Name + "}"
			}
		}
		t.patterns[r.Name] = t.describe(route, r.Name, r.Of.Family.Name)
	}
	for _, w := range m.Writes {
		t.patterns[w.Name] = t.describe("/v1/"+w.Name, w.Name, w.Family.Name)
	}
}

type openSpan struct{ trace.Span }

// End implements Span.
func (s openSpan) End(status int, code fault.Code, cache string, store time.Duration) {
	if s.Span == nil {
		return
	}
	if s.IsRecording() {
		s.SetAttributes(attribute.Int("http.response.status_code", status))
		if cache != "" {
			s.SetAttributes(attribute.String("partita.cache", cache))
		}
		if store > 0 {
			s.SetAttributes(attribute.Float64("partita.store.duration", store.Seconds()))
		}
		if code != "" {
			s.SetAttributes(attribute.String("error.type", string(code)))
		}
		if status >= http.StatusInternalServerError {
			s.SetStatus(otelcodes.Error, string(code))
		}
	}
	s.Span.End()
}

// Inject writes the traceparent of the context's span, if it has one, into a header: that of an
// answer, or of a call to somebody else.
func Inject(ctx context.Context, h http.Header) {
	traceContext.Inject(ctx, propagation.HeaderCarrier(h))
}

// Close sends what is still waiting, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// sender tells the log and Health of failures, once until it works again, so that OpenTelemetry's
// global error handler is not needed.
type sender struct {
	sdktrace.SpanExporter
	log    *slog.Logger
	health *Health
	failed atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter.
func (s *sender) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	if was := s.failed.Swap(err != nil); was == (err != nil) {
		return nil
	}
	if err != nil {
		s.log.Warn("traces cannot be sent; they are dropped until the receiver is back", "error", err)
		s.tell(Degraded, "they cannot be sent to their receiver and are dropped")
	} else {
		s.log.Info("traces are sent again")
		s.tell(OK, "")
	}
	return nil
}

func (s *sender) tell(state State, cause string) {
	if s.health != nil {
		s.health.Set("traces", state, cause)
	}
}
