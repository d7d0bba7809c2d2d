package admit

import (
	"context"
	"net"
)

type connKey struct{}

// WithConn gives a context from which Aside finds the connection.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// ConnOf gives the connection of a request; nil where it has not come through a Door.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Aside says that the request of that context is about to wait for something else than a processor, so
// that others may be looked at meanwhile.
func Aside(ctx context.Context) {
	if c := ConnOf(ctx); c != nil {
		c.Aside()
	}
}

type manyKey struct{}

// ForMany gives a context for what several callers wait for: it is not given up when the one who asked first has gone.
func ForMany(ctx context.Context) context.Context { return context.WithValue(ctx, manyKey{}, true) }
