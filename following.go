package partita

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/webhook"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
)

// heard tells whether anything follows an event on this node.
func (a *App) heard(e *model.Event) bool {
	for _, s := range a.subscriptions {
		if s.event == e.Name {
			return true
		}
	}
	return e.Then != nil || len(e.Deliver) > 0 || len(a.config.Bus) > 0
}

// following makes what carries out what follows events, and accepted writes among the dead letters
// that are replayed; nil where there can be neither. accepts may be nil.
func (n *node) following(a *App, books *work.Books, accepts *accept.Acceptor) (*relay.Events, error) {
	if len(a.model.Events) == 0 && accepts == nil {
		return nil, nil
	}
	hooks, err := n.webhooks(a)
	if err != nil {
		return nil, err
	}
	endpoints := hooks
	if accepts != nil {
		endpoints = append(endpoints, &relay.Endpoint{Lane: accept.Lane, Target: "accepted writes put aside", Limit: 4,
			Wait: relay.Backoff(time.Second, time.Minute, 5),
			Do:   func(ctx context.Context, ev *relay.Event, _ int) error { return accepts.Replay(ctx, ev.Data) }})
	}
	for _, s := range a.subscriptions {
		endpoints = append(endpoints, s.endpoint(n))
	}
	if n.bus != nil && !n.bus.Embedded() { // nobody outside could read from an embedded one
		endpoints = append(endpoints, n.publishing(a.model))
	}
	events, err := relay.NewEvents(relay.EventsConfig{Books: books, Store: n.store, Model: a.model, Writer: n.paths,
		Endpoints: endpoints, Logger: n.logger})
	if err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	return events, nil
}

// publishing makes the bus a receiver of all events.
func (n *node) publishing(m *model.Model) *relay.Endpoint {
	x := &relay.Endpoint{Lane: "bus", Target: "bus", Limit: 64, Prompt: true,
		Wait: relay.Backoff(200*time.Millisecond, 15*time.Second, 7*24*240), // a week
		Do: func(ctx context.Context, ev *relay.Event, _ int) error {
			return n.bus.Publish(ctx, ev.Name, ev.ID, ev.CloudEvent(m.Service))
		}}
	for _, e := range m.Events {
		x.Events = append(x.Events, e.Name)
	}
	return x
}

// webhooks makes the addresses that the model names receivers of their events.
func (n *node) webhooks(a *App) (list []*relay.Endpoint, err error) {
	byAddress := map[string]*relay.Endpoint{}
	var client *webhook.Client
	for _, e := range a.model.Events {
		for _, address := range e.Deliver {
			if client == nil {
				if client, err = n.webhookClient(&a.config); err != nil {
					return nil, err
				}
			}
			x := byAddress[address]
			if x == nil {
				x = webhookEndpoint(client, a.model.Service, address)
				byAddress[address], list = x, append(list, x)
			}
			x.Events = append(x.Events, e.Name)
		}
	}
	return list, nil
}

func (n *node) webhookClient(c *Config) (*webhook.Client, error) {
	secrets := c.Webhooks.Secrets
	if len(secrets) == 0 {
		if !storeurl.Embedded(c.Store) {
			return nil, errors.New("partita: the model delivers events to webhooks, and nodes that share a store must sign with the same secret: " +
				`set PARTITA_WEBHOOK_SECRET to the output of echo "whsec_$(openssl rand -base64 32)" (Config.Webhooks.Secrets)`)
		}
		path := filepath.Join(c.DataDir, "webhook-secret")
		secret, err := webhookSecret(path)
		if err != nil {
			return nil, fmt.Errorf("partita: the webhook secret cannot be kept in the data folder (Config.DataDir): %w", err)
		}
		n.logger.Info("webhooks are signed with the secret in " + path + "; PARTITA_WEBHOOK_SECRET gives another one")
		secrets = []string{secret}
	}
	config := webhook.Config{Secrets: secrets, Allow: c.Webhooks.Allow, Timeout: c.Webhooks.Timeout, Agent: "Partita/" + Version()}
	if n.trouble != nil {
		config.Instead = n.trouble
	}
	client, err := webhook.New(config)
	if err != nil {
		return nil, fmt.Errorf("partita: PARTITA_WEBHOOK_SECRET (Config.Webhooks.Secrets): %w", err)
	}
	n.onClose(func(context.Context) error { client.Close(); return nil })
	return client, nil
}

// webhookSecret reads the secret of a file, and makes it at the first time.
func webhookSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = []byte(webhook.NewSecret() + "\n")
		err = os.WriteFile(path, b, 0o600)
	}
	return strings.TrimSpace(string(b)), err
}

func webhookEndpoint(client *webhook.Client, service, address string) *relay.Endpoint {
	host := "webhook"
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	sum := sha256.Sum256([]byte(address))
	return &relay.Endpoint{
		// The address itself may be a secret in part, so it stands nowhere but in the model.
		Lane: "webhook:" + hex.EncodeToString(sum[:8]), Target: host, Limit: 16, Wait: webhook.Wait,
		Do: func(ctx context.Context, ev *relay.Event, _ int) error {
			id := sha256.Sum256([]byte(ev.ID + "\x00" + address))
			err := client.Deliver(ctx, address, &webhook.Message{ID: "msg_" + hex.EncodeToString(id[:16]),
				Type: "application/cloudevents+json", Body: ev.CloudEvent(service)})
			if f, ok := errors.AsType[*webhook.Failure](err); ok {
				return &relay.Failure{Err: f, Wait: f.Wait, Final: f.Final, Close: f.Gone}
			}
			return err
		},
	}
}

// closeEvents lets what is under way come to its end, for a moment.
func closeEvents(ctx context.Context, e *relay.Events) error {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.Close(ctx)
	return nil
}

// endpointFigures gives the figures of those who are told of events.
func endpointFigures(e *relay.Events) []observe.EndpointFigures {
	var out []observe.EndpointFigures
	for _, f := range e.Figures() {
		out = append(out, observe.EndpointFigures{Name: f.Target, Waiting: f.Pending, Oldest: f.Oldest.Seconds(),
			Attempts: f.Attempts, Failures: f.Failures, Dead: f.Dead, Failed: f.Failed})
	}
	return out
}
