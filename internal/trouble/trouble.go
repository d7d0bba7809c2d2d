// Package trouble is how a failure drill makes things go wrong inside a node of a throw-away copy, where
// nothing outside can: the disk of an embedded store fills up, hangs or fails, the wall clock jumps. A
// node listens to a drill only if the environment names the drill's socket; webhooks then reach
// nobody. A service is never run so.
package trouble

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Variable names the socket of the drill in a node's environment.
const Variable = "PARTITA_DRILL"

// State is what is wrong now. The zero State is: nothing.
type State struct {
	Read  time.Duration `json:"read,omitempty"`  // that each read of the store's files takes longer
	Write time.Duration `json:"write,omitempty"` // each write
	Sync  time.Duration `json:"sync,omitempty"`  // each fsync
	Hang  bool          `json:"hang,omitempty"`  // operations on the store's files do not come back
	Full  bool          `json:"full,omitempty"`  // there is no room for what is written
	Fail  bool          `json:"fail,omitempty"`  // fsync fails
	Clock time.Duration `json:"clock,omitempty"` // by which the wall clock is wrong
	Shut  bool          `json:"shut,omitempty"`  // no request is let in: all are held and refused as in an overload
}

// Node is the side of the node. A nil *Node is none: nothing is ever wrong. It is safe for concurrent
// use.
type Node struct {
	mu      sync.Mutex
	state   State
	changed chan struct{} // closed when the state changes
}

// Connect lets a node listen to the drill at a socket; "": there is none, and Node is nil.
func Connect(socket string) (*Node, error) {
	if socket == "" {
		return nil, nil
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("%s is set, which is for failure drills only, and no drill is there: %w", Variable, err)
	}
	n := &Node{changed: make(chan struct{})}
	in := bufio.NewScanner(c)
	if !n.hear(c, in) { // what is wrong from the beginning
		return nil, fmt.Errorf("the drill at %s says nothing", Variable)
	}
	go func() {
		defer c.Close()
		for n.hear(c, in) {
		}
		n.set(State{}) // the drill is over
	}()
	return n, nil
}

// hear takes in the next state and says so.
func (n *Node) hear(c net.Conn, in *bufio.Scanner) bool {
	var s State
	if !in.Scan() || json.Unmarshal(in.Bytes(), &s) != nil {
		return false
	}
	n.set(s)
	_, err := c.Write([]byte("\n"))
	return err == nil
}

func (n *Node) set(s State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *Node) now() (State, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state, n.changed
}

// Disk is asked before each operation on a file of an embedded store: "read", "write" or "sync". It
// may take its time, and its error is what comes of the operation.
func (n *Node) Disk(operation string) error {
	if n == nil {
		return nil
	}
	for {
		s, changed := n.now()
		if s.Hang {
			<-changed
			continue
		}
		wait := map[string]time.Duration{"read": s.Read, "write": s.Write, "sync": s.Sync}[operation]
		if wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-changed: // what was slow is so no more
				t.Stop()
			}
		}
		switch {
		case s.Full && operation == "write":
			return syscall.ENOSPC
		case s.Fail && operation == "sync":
			return syscall.EIO
		}
		return nil
	}
}

// Clock gives by how much the wall clock is wrong.
func (n *Node) Clock() time.Duration {
	if n == nil {
		return 0
	}
	s, _ := n.now()
	return s.Clock
}

// Shut tells whether no request is to be let in.
func (n *Node) Shut() bool {
	s, _ := n.now()
	return s.Shut
}

// Room gives the free bytes of the store's disk, which really has free: none while it is full.
func (n *Node) Room(free int64) int64 {
	if n == nil {
		return free
	}
	if s, _ := n.now(); s.Full {
		return 0
	}
	return free
}

// RoundTrip answers a delivery in the place of whoever it is for.
func (n *Node) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusNoContent, Status: "204 No Content", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// Drill is the side of the drill. It is safe for concurrent use.
type Drill struct {
	listener net.Listener

	mu    sync.Mutex
	state State
	nodes map[net.Conn]*bufio.Reader
}

// Listen waits for nodes at a socket.
func Listen(socket string) (*Drill, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	d := &Drill{listener: l, nodes: map[net.Conn]*bufio.Reader{}}
	go d.accept()
	return d, nil
}

func (d *Drill) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		d.nodes[c] = bufio.NewReader(c)
		d.tell(c, d.nodes[c])
		d.mu.Unlock()
	}
}

// tell hands the state to one node and waits until it has taken it in; one that does not is gone.
func (d *Drill) tell(c net.Conn, in *bufio.Reader) {
	text, err := json.Marshal(d.state)
	if err == nil {
		err = c.SetDeadline(time.Now().Add(5 * time.Second))
	}
	if err == nil {
		_, err = c.Write(append(text, '\n'))
	}
	if err == nil {
		_, err = in.ReadByte()
	}
	if err != nil {
		_ = c.Close() // it is given up
		delete(d.nodes, c)
	}
}

// Set says what is wrong from now on, and returns when every node knows.
func (d *Drill) Set(s State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
	for c, in := range d.nodes {
		d.tell(c, in)
	}
}

// Close lets the nodes alone.
func (d *Drill) Close() error {
	err := d.listener.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.nodes {
		_ = c.Close() // nothing is left to tell them
	}
	clear(d.nodes)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
