package partita

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/health"
)

// openSharedCache makes the second cache tier; nil without one.
func (n *node) openSharedCache(c *Config) (*redis.Tier, error) {
	if c.SharedCache == "" {
		return nil, nil
	}
	tier, err := redis.New(redis.Config{URL: c.SharedCache, Timeout: c.SharedCacheTimeout, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("partita: Config.SharedCache: %w", err)
	}
	n.onClose(func(context.Context) error { tier.Close(); return nil })
	return tier, nil
}

func (n *node) cacheConfig(c *Config, tier *redis.Tier) cache.Config {
	config := cache.Config{Bytes: c.CacheBytes, LoadTimeout: c.RequestTimeout}
	if n.trouble != nil {
		config.ClockError = n.trouble.Clock
	}
	if tier != nil {
		config.Tier = tier
	}
	return config
}

// tierStats gives what tells the tier's figures; nil without one.
func tierStats(tier *redis.Tier) func() cache.TierStats {
	if tier == nil {
		return nil
	}
	return tier.Stats
}

// startSharedCache connects the second tier. Until it is there, the node works without.
func (n *node) startSharedCache(tier *redis.Tier) {
	if tier == nil {
		return
	}
	tell := func(s redis.State) {
		if s.OK {
			n.board.Set(health.SharedCache, health.OK, "it answers again")
			return
		}
		n.board.Set(health.SharedCache, health.Degraded, s.Cause+"; each node loads for itself meanwhile", n.setup.NoSharedCache()...)
	}
	tier.Start(redis.Hooks{State: tell, Call: n.recorder.SharedCall})
}

// disk is who is asked about the disk of an embedded store; nil but in failure drills.
func (n *node) disk() func(operation string) error {
	if n.trouble == nil {
		return nil
	}
	return n.trouble.Disk
}
