package observe

import (
	"context"
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
)

// TraceConfig says where traces go. OpenTelemetry's own environment variables count too: an
// endpoint, headers, a sampler, the service's name.
type TraceConfig struct {
	Endpoint string // URL of an OTLP/HTTP receiver; "": OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT
	Service  string
	Version  string
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
		u, err := url.Parse(cfg.Endpoint)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("the receiver of traces %q is no URL: write it as http://host:4318", cfg.Endpoint)
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
		resource.WithAttributes(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES cannot be read: write it as name=value,name=value: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&sender{SpanExporter: exporter, log: cfg.Logger, health: cfg.Health}),
		sdktrace.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/partita-dev/partita", trace.WithInstrumentationVersion(cfg.Version))}, nil
}

// Start begins the span of a request, within the trace that its header names, if any. route is
// the address with names in place of values, pattern and family are "" where they are not known.
// The returned function ends the span; cache is an outcome in words, "" for none.
func (t *Tracer) Start(ctx context.Context, h http.Header, method, route, pattern, family string) (
	context.Context, func(status int, code fault.Code, cache string, store time.Duration),
) {
	if t == nil {
		return ctx, func(int, fault.Code, string, time.Duration) {}
	}
	ctx = traceContext.Extract(ctx, propagation.HeaderCarrier(h))
	attributes := []attribute.KeyValue{attribute.String("http.request.method", method), attribute.String("http.route", route)}
	if pattern != "" {
		attributes = append(attributes, attribute.String("partita.pattern", pattern), attribute.String("partita.partition.family", family))
	}
	ctx, span := t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
	return ctx, func(status int, code fault.Code, cache string, store time.Duration) {
		if span.IsRecording() {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
			if cache != "" {
				span.SetAttributes(attribute.String("partita.cache", cache))
			}
			if store > 0 {
				span.SetAttributes(attribute.Float64("partita.store.duration", store.Seconds()))
			}
			if code != "" {
				span.SetAttributes(attribute.String("error.type", string(code)))
			}
			if status >= 500 {
				span.SetStatus(otelcodes.Error, string(code))
			}
		}
		span.End()
	}
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
