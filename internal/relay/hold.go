package relay

import (
	"context"
	"time"
)

// hold runs Config.Hold for the worker's shard whenever this node has its lease.
func (w *worker) hold(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.leased:
		}
		if w.holds() {
			w.holdOnce(ctx)
		}
	}
}

// holdOnce runs Config.Hold until the lease is lost, by this node's clock, or ctx ends.
func (w *worker) holdOnce(ctx context.Context) {
	held, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.relay.config.Hold(held, w.shard)
	}()
	defer func() { stop(); <-done }()
	for w.holds() {
		end := time.NewTimer(time.Until(time.Unix(0, w.until.Load())))
		select {
		case <-ctx.Done():
			end.Stop()
			return
		case <-done:
			end.Stop()
			return
		case <-w.leased:
			end.Stop()
		case <-end.C:
		}
	}
}

// renewed tells that the lease was taken, renewed or lost.
func (w *worker) renewed() {
	select {
	case w.leased <- struct{}{}:
	default:
	}
}
