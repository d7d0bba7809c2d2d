package observe

import "context"

// ViewFigures is how a view is.
type ViewFigures struct {
	Name  string  `json:"name"`
	From  string  `json:"from"`
	State string  `json:"state"`       // ready, building, clearing or new
	Built float64 `json:"built_share"` // of what there was before the view
	Lag   float64 `json:"lag"`         // age of the oldest change that is not in it, in seconds; 0 where there is none
}

// Views tells where to ask for views: without it there are no figures of them.
func (r *Recorder) Views(views func(context.Context) []ViewFigures) { r.views.Store(&views) }

// viewFigures gives how the views are; nil where there are none.
func (r *Recorder) viewFigures(ctx context.Context) []ViewFigures {
	views := r.views.Load()
	if views == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	return (*views)(ctx)
}
