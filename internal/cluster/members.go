package cluster

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/observe"
)

// MembersConfig is what Members are made of. Bus, Incarnation, Self and Figures are required.
type MembersConfig struct {
	Bus         Bus
	Incarnation string // of the store: nodes of another are of another service
	// Self tells how this node is. Figures gives what it counted in a window, in parts of some most
	// bytes.
	Self    func() observe.Node
	Figures func(w observe.Window, most int) [][]byte
	Logger  *slog.Logger  // default slog.Default()
	Every   time.Duration // how often a node tells of itself; default 1 s
}

const (
	beatFormat   = 1
	silent       = 5                // beats that a node may miss before it is shown as gone
	keptFor      = 10 * time.Minute // how long a node that is gone is shown
	mostGone     = 100              // nodes that are gone, the latest
	mostNodes    = 1000             // in all: more are not taken in
	watchedFor   = 5 * time.Second  // how long figures are sent after somebody looked
	mostFigures  = 128 << 10        // bytes of one part
	lookPatience = 400 * time.Millisecond
)

// Members knows the nodes of a service by what they say about themselves. Each node tells of itself
// every second, briefly. Its figures, which are large, it sends only while somebody on any node looks
// at those of that window. It is safe for concurrent use.
type Members struct {
	config     MembersConfig
	name, boot string        // of this node
	kick       chan struct{} // a beat is wanted now

	mu      sync.Mutex
	nodes   map[string]*member           // by boot
	watched map[observe.Window]time.Time // by people here, until then
	wanted  map[observe.Window]time.Time // by other nodes, until then
	news    chan struct{}                // closed and replaced when figures arrived
	warned  bool
}

// member is another node.
type member struct {
	node    observe.Node
	heard   time.Time
	figures map[observe.Window]*observe.Figures
	fresh   map[observe.Window]time.Time // when the last part of figures arrived
}

// NewMembers begins to listen; Run tells of this node.
func NewMembers(c MembersConfig) (*Members, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Every <= 0 {
		c.Every = time.Second
	}
	self := c.Self()
	m := &Members{
		config: c, name: self.Name, boot: self.Boot, kick: make(chan struct{}, 1), nodes: map[string]*member{}, news: make(chan struct{}),
		watched: map[observe.Window]time.Time{}, wanted: map[observe.Window]time.Time{},
	}
	return m, c.Bus.OnGossip(m.hear)
}

// beat is what a node says about itself.
type beat struct {
	observe.Node
	Watched []observe.Window `json:"watched,omitempty"` // the windows that somebody there looks at
	// Expects tells that it did not hear of anybody yet, or not of all: a wish for an answer at once.
	Expects bool `json:"expects,omitempty"`
}

// Run tells of this node until ctx ends, and then that it leaves.
func (m *Members) Run(ctx context.Context) {
	every := time.NewTicker(m.config.Every)
	defer every.Stop()
	for first := true; ; first = false {
		m.say(beat{Expects: first})
		last := time.Now()
		select {
		case <-every.C:
		case <-m.kick:
			// Many may look at once, on many nodes: still it is ten beats a second at most.
			if wait := m.config.Every/10 - time.Since(last); wait > 0 {
				select {
				case <-time.After(wait):
				case <-ctx.Done():
				}
			}
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			m.say(beat{Node: observe.Node{Left: true}})
			return
		}
		m.forget()
	}
}

// say sends a beat, and the figures that others want.
func (m *Members) say(b beat) {
	left := b.Left
	b.Node = m.config.Self()
	b.Left, b.This = left, false
	now := time.Now()
	m.mu.Lock()
	b.Watched = until(m.watched, now)
	wanted := until(m.wanted, now)
	m.mu.Unlock()
	if left {
		b.Watched, wanted = nil, nil
	}
	text, err := json.Marshal(b)
	if err != nil {
		m.config.Logger.Debug("what this node says about itself cannot be written", "cause", err)
		return
	}
	m.config.Bus.SendGossip(m.message("", text))
	for _, w := range wanted {
		for _, part := range m.config.Figures(w, mostFigures) {
			m.config.Bus.SendGossip(m.message(b.Boot, part))
		}
	}
}

// message is a beat, or a part of figures of that boot of a node.
func (m *Members) message(boot string, body []byte) []byte {
	b := append(make([]byte, 0, len(body)+64), beatFormat)
	b = appendText(b, m.config.Incarnation)
	b = appendText(b, boot)
	return append(b, body...)
}

// until gives the windows whose time is not over, and drops the others.
func until(of map[observe.Window]time.Time, now time.Time) (list []observe.Window) {
	for w, end := range of {
		if end.After(now) {
			list = append(list, w)
		} else {
			delete(of, w)
		}
	}
	slices.Sort(list)
	return list
}

// hear takes in one message.
func (m *Members) hear(payload []byte) {
	if len(payload) == 0 || payload[0] != beatFormat {
		return
	}
	r := reader{b: payload[1:]}
	incarnation, boot := r.text(), r.text()
	if r.err != nil || incarnation != m.config.Incarnation {
		return
	}
	if boot != "" {
		m.hearFigures(boot, r.b)
		return
	}
	var b beat
	if json.Unmarshal(r.b, &b) != nil || b.Boot == "" || b.Name == "" {
		return
	}
	if m.hearBeat(b) {
		select {
		case m.kick <- struct{}{}:
		default:
		}
	}
}

// hearBeat notes how a node is. It tells whether the node wants to hear of this one at once.
func (m *Members) hearBeat(b beat) (answer bool) {
	if b.Boot == m.boot {
		return false
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Name == m.name && !b.Left && !m.warned {
		m.warned = true
		m.config.Logger.Warn("another node of this service has the same name; give each its own with --node, or leave it out", "node", b.Name)
	}
	x := m.nodes[b.Boot]
	if x == nil && len(m.nodes) >= mostNodes {
		return false
	}
	if x == nil {
		for boot, old := range m.nodes { // the same node, started again
			if old.node.Name == b.Name && (old.node.Left || now.Sub(old.heard) > m.config.Every) {
				delete(m.nodes, boot)
			}
		}
		x = &member{figures: map[observe.Window]*observe.Figures{}, fresh: map[observe.Window]time.Time{}}
		m.nodes[b.Boot] = x
	}
	if x.node.Left && !b.Left {
		return false // late: it left already
	}
	x.node, x.heard = b.Node, now
	x.node.This = false
	for _, w := range b.Watched {
		answer = answer || m.wanted[w].Before(now)
		m.wanted[w] = now.Add(watchedFor)
	}
	return answer || b.Expects
}

func (m *Members) hearFigures(boot string, part []byte) {
	p, ok := observe.ReadPart(part)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.nodes[boot]
	if x == nil {
		return
	}
	w := p.Window()
	if x.figures[w] == nil {
		x.figures[w] = &observe.Figures{}
	}
	x.figures[w].Add(p)
	x.fresh[w] = time.Now()
	close(m.news)
	m.news = make(chan struct{})
}

// Peers gives all other nodes, and their figures of a window. The first look at a window waits for
// the others to send them, for a moment.
func (m *Members) Peers(ctx context.Context, w observe.Window) []observe.Peer {
	if !w.Valid() {
		w = observe.Last1m
	}
	now := time.Now()
	m.mu.Lock()
	first := m.watched[w].Before(now)
	m.watched[w] = now.Add(watchedFor)
	m.mu.Unlock()
	if first {
		select {
		case m.kick <- struct{}{}:
		default:
		}
		m.await(ctx, w)
	}
	return m.list(w)
}

// Nodes gives all other nodes that were heard of within the last beats, without figures. It does not wait.
func (m *Members) Nodes() []observe.Node {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []observe.Node
	for _, x := range m.nodes {
		if !x.node.Left && !m.gone(x, now) {
			list = append(list, x.node)
		}
	}
	return list
}

// await waits until every node that is there has sent its figures of a window, but not for long.
func (m *Members) await(ctx context.Context, w observe.Window) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for {
		m.mu.Lock()
		news, all := m.news, true
		for _, x := range m.nodes {
			all = all && (m.gone(x, time.Now()) || x.node.Left || m.figuresOf(x, w) != nil)
		}
		m.mu.Unlock()
		if all {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// figuresOf gives a node's figures if they are of now.
func (m *Members) figuresOf(x *member, w observe.Window) *observe.Figures {
	if time.Since(x.fresh[w]) > silent*m.config.Every {
		return nil
	}
	return x.figures[w]
}

func (m *Members) gone(x *member, now time.Time) bool {
	return !x.node.Left && now.Sub(x.heard) > silent*m.config.Every
}

func (m *Members) list(w observe.Window) []observe.Peer {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	peers := make([]observe.Peer, 0, len(m.nodes))
	for _, x := range m.nodes {
		p := observe.Peer{Node: x.node}
		if p.Gone = m.gone(x, now); p.Gone || p.Left {
			since := x.heard.UTC()
			p.Since = &since
		} else if f := m.figuresOf(x, w); f != nil {
			copied := *f // parts that arrive later make another whole
			p.Figures = &copied
		}
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b observe.Peer) int { return strings.Compare(a.Name+a.Boot, b.Name+b.Boot) })
	return peers
}

// forget drops nodes that are gone for long, and the oldest where there are too many.
func (m *Members) forget() {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var gone []string
	for boot, x := range m.nodes {
		switch {
		case now.Sub(x.heard) > keptFor:
			delete(m.nodes, boot)
		case x.node.Left || m.gone(x, now):
			gone = append(gone, boot)
		}
	}
	slices.SortFunc(gone, func(a, b string) int { return m.nodes[b].heard.Compare(m.nodes[a].heard) })
	for _, boot := range gone[min(len(gone), mostGone):] {
		delete(m.nodes, boot)
	}
}
