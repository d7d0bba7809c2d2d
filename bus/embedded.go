package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	startTimeout  = 10 * time.Second // long enough to read a full backlog after a crash
	serverMemory  = 32 << 20         // bound of what JetStream keeps in memory: readers' positions
	serverPayload = 8 << 20
)

// startServer starts a server without any listener, whose files are synced before each append is
// acknowledged.
func startServer(ctx context.Context, dir string, bytes int64, log *slog.Logger) (*server.Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("bus: the folder %s cannot be made: %w", dir, err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName:             "partita",
		DontListen:             true,
		NoSigs:                 true,
		NoLog:                  true,
		DisableJetStreamBanner: true,
		MaxPayload:             serverPayload,
		JetStream:              true,
		StoreDir:               dir,
		SyncAlways:             true,
		JetStreamMaxMemory:     serverMemory,
		JetStreamMaxStore:      2*bytes + bytes/8 + 64<<20, // and room for what stands apart, or is not commands or events
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	told := &serverLog{log: log}
	s.SetLoggerV2(told, false, false, false)
	s.Start()
	limit := startTimeout
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end))
	}
	if !s.ReadyForConnections(limit) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("bus: the embedded bus does not start in %s: %w", dir, told.first())
	}
	return s, nil
}

// serverLog hands what the server says on to slog, everyday words at level Debug.
type serverLog struct {
	log   *slog.Logger
	fatal errorOnce
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }

func (l *serverLog) Errorf(format string, v ...any) {
	l.fatal.set(fmt.Errorf(format, v...))
	l.say(slog.LevelError, format, v)
}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.fatal.set(fmt.Errorf(format, v...))
	l.say(slog.LevelError, format, v)
}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "embedded bus: "+fmt.Sprintf(format, v...))
	}
}

// first gives the first thing that went wrong.
func (l *serverLog) first() error {
	if err := l.fatal.get(); err != nil {
		return err
	}
	return errors.New("it was not ready in time")
}
