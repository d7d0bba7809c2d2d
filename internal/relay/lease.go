package relay

import (
	"context"
	"fmt"
	"time"
)

func leaseName(i int) string { return fmt.Sprintf("relay-%02d", i) }

func leaseNames() []string {
	names := make([]string, Shards)
	for i := range names {
		names[i] = leaseName(i)
	}
	return names
}

// keepLeases takes and renews leases until ctx ends. A shard whose lease could not be renewed in
// time is left alone: another node may have it by then.
func (r *Relay) keepLeases(ctx context.Context) {
	every := time.NewTicker(r.config.LeaseTime / 3)
	defer every.Stop()
	var spread spread
	for {
		if r.config.Yield != nil && r.config.Yield() {
			r.yield(ctx)
			return
		}
		var err error
		if r.leaves() {
			if r.Held() > 0 {
				r.leave(ctx)
			}
		} else {
			r.share(ctx, &spread)
			err = r.lease(ctx, spread.wanted(time.Now()))
		}
		if ctx.Err() == nil {
			r.report(&r.leasing, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// lease takes or renews leases.
func (r *Relay) lease(ctx context.Context, names []string) error {
	asked := time.Now()
	held, err := r.config.Store.Lease(ctx, r.config.Node, r.config.LeaseTime, names...)
	if err == nil {
		r.hold(held, asked.Add(r.config.LeaseTime))
	}
	return err
}

// hold works on the shards whose leases this node has until then, and on no others.
func (r *Relay) hold(held []string, until time.Time) {
	mine := map[string]bool{}
	for _, name := range held {
		mine[name] = true
	}
	for i, w := range r.shards {
		before := w.holds()
		if !mine[leaseName(i)] {
			w.until.Store(0)
			w.renewed()
			continue
		}
		w.until.Store(until.UnixNano())
		w.renewed()
		if !before { // another node may have been at work
			w.recent.reset()
			w.ask()
		}
	}
	r.held.Store(int32(len(held)))
}

// unlease gives the leases back, so that others need not wait until they end.
func (r *Relay) unlease(ctx context.Context) {
	r.giveBack(ctx, leaseNames())
}

func (r *Relay) giveBack(ctx context.Context, names []string) {
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := r.config.Store.Unlease(release, r.config.Node, names...); err != nil {
		r.config.Logger.Debug("the relay's leases were not given back; they end by themselves", "cause", err)
	}
}

// yield leaves every shard to other nodes.
func (r *Relay) yield(ctx context.Context) {
	r.config.Logger.Warn("a node with a later model follows the change log of this store; this one leaves that to it")
	for _, w := range r.shards {
		w.until.Store(0)
		w.renewed()
	}
	r.held.Store(0)
	r.unlease(ctx)
	<-ctx.Done()
}
