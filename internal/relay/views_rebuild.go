package relay

import (
	"context"
	"fmt"
	"strings"

	"github.com/partita-dev/partita/internal/work"
)

// Rebuild has views made anew from their sources by the next service that runs: what they have now is
// deleted first, and nobody is answered from them until they are whole again. No service may run on
// the store meanwhile; see Alone. The error names a view that cannot be.
func (v *Views) Rebuild(ctx context.Context, names ...string) error {
	if err := v.refresh(ctx); err != nil {
		return err
	}
	for _, name := range names {
		p := v.named(name)
		switch {
		case p == nil:
			return fmt.Errorf("there is no view %s; the model has %s", name, strings.Join(v.names(), ", "))
		case v.word(p) == "new":
			return fmt.Errorf("no service has begun with the view %s, so it will be built as soon as one does: serve the model", name)
		}
	}
	for _, name := range names {
		p := v.named(name)
		for i := range Shards {
			before := v.state(p, i)
			after := buildState{definition: p.definition, state: work.Clearing, from: position{bucket: shard(i).First}}
			after.to = after.from
			if err := v.save(ctx, p, i, before, after); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Views) names() (names []string) {
	for _, p := range v.plans {
		names = append(names, p.view.Name)
	}
	return names
}
