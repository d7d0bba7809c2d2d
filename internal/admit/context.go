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

// ForMany gives a context for what several callers wait for, and what may go on when the request of the one who asked first is
// over: it is of no connection.
func ForMany(ctx context.Context) context.Context { return context.WithValue(ctx, connKey{}, nil) }

// CameToGate says that something which was loaded for the request of that context, and has a context of its own, has
// come to a Gate.
func CameToGate(ctx context.Context) {
	if c := ConnOf(ctx); c != nil {
		c.atGate()
	}
}

// Shed tells whether the request of that context was let in for an old answer only: nothing is to be begun for it.
func Shed(ctx context.Context) bool {
	c := ConnOf(ctx)
	return c != nil && c.shed.Load()
}
