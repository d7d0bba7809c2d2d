package partita

import (
	"context"
	"errors"
	"fmt"
)

// Run starts the App, unless it is running already, serves until ctx ends, and stops it gracefully.
// It also returns, with the reason, when the App cannot go on, as after a failed write to the disk.
func (a *App) Run(ctx context.Context) error {
	n := a.running()
	if n == nil {
		if err := a.Start(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // it was to end before it had begun
			}
			return err
		}
		if n = a.running(); n == nil {
			return nil // stopped already, by another goroutine
		}
	}
	select {
	case <-ctx.Done():
		n.takeLeave(a.config.StopDelay)
	case <-n.failed:
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.DrainTimeout)
	defer cancel()
	return errors.Join(n.cause(), a.Stop(stopping))
}

// Start opens the store and serves; it returns when the App is ready. ctx bounds the starting only.
func (a *App) Start(ctx context.Context) error {
	if err := a.ready(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.node != nil {
		return fmt.Errorf("partita: the App is running already")
	}
	n, err := start(ctx, a)
	if err != nil {
		return err
	}
	a.node = n
	return nil
}

// Stop takes no new requests, waits for those under way until ctx ends, and gives everything back.
// It may be called twice, and before Start. An App that was stopped may be started again.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	n := a.node
	a.node = nil
	a.mu.Unlock()
	if n == nil {
		return nil
	}
	return n.stop(ctx)
}
