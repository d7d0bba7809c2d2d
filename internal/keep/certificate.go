package keep

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Certificate tells what was erased, and what was not.
type Certificate struct {
	Service     string `json:"service"`
	Family      string `json:"family"`
	Partition   string `json:"partition_sha256"` // of "FAMILY/VALUE"
	Store       string `json:"store"`
	Incarnation string `json:"incarnation"`
	Model       string `json:"model"`
	Node        string `json:"node"`

	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Version uint64    `json:"version"` // of the partition at the end

	Erased Erased `json:"erased"`
	// Overwritten says that the store has overwritten what it deleted in its own files.
	Overwritten bool     `json:"overwritten"`
	Kept        []string `json:"kept"`
	OutOfReach  []string `json:"out_of_reach"`
}

// Erased counts what one run has erased; an earlier one that was broken off may have erased more.
type Erased struct {
	Rows     map[string]int `json:"rows"` // by entity
	Changes  int            `json:"changes"`
	Outcomes int            `json:"outcomes"`
	// Waiting are events that waited for their time or their receiver, Dead are dead letters.
	Waiting int `json:"waiting"`
	Dead    int `json:"dead_letters"`
	// Views counts partitions of views that rows of the partition had gone into, by view: the rows were
	// taken out of them, and the changes that showed them were deleted.
	Views map[string]int `json:"view_partitions"`
	// Shared counts answers in the shared cache; all were dropped, whatever they showed.
	Shared int `json:"shared_answers"`
}

// nothing tells whether there was nothing of a partition that has no version. Such a one has no changes
// either; what Changes counts then stood in the service's own books, which many partitions share.
func (e *Erased) nothing() bool {
	n := e.Outcomes + e.Waiting + e.Dead
	for _, counts := range []map[string]int{e.Rows, e.Views} {
		for _, k := range counts {
			n += k
		}
	}
	return n == 0
}

// NameHash gives what stands for a partition in a certificate. Who knows the name can check it.
func NameHash(p store.Partition) string {
	sum := sha256.Sum256([]byte(p.Family.Name + "/" + string(model.AppendText(nil, p.Value))))
	return hex.EncodeToString(sum[:])
}

// derived tells whether anything is made of the partition's rows elsewhere.
func (x *erasing) derived() (folds, then bool) {
	for _, v := range x.Books.Store.Views {
		folds = folds || v.From.Family == x.p.Family && len(v.Folds) > 0 && v.From.Keep != nil
	}
	for _, e := range x.Books.Store.Events {
		then = then || e.Family == x.p.Family && e.Then != nil
	}
	return folds, then
}

// words says in sentences what stays.
func (c *Certificate) words(info store.Info, folds, then bool) {
	c.Kept = []string{
		"the partition's name, its version and its counters, so that no version and no number is ever given twice; the name and a version also where views note how far they have followed",
		"one change that says that the partition was erased",
	}
	if folds {
		c.Kept = append(c.Kept, "what folds have counted of rows that had expired before: figures without names")
	}
	c.OutOfReach = []string{"backups", "logs and traces", "clients, and receivers of webhooks and events that were told before"}
	if then {
		c.OutOfReach = append(c.OutOfReach, "rows that writes behind the partition's events (`then`) have made in other partitions, and their outcomes: erase those partitions too, where they are about the same")
	}
	if info.Remote {
		c.OutOfReach = append(c.OutOfReach, "what PostgreSQL keeps of deleted rows until a VACUUM, and its log, archives and replicas for as long as they are kept",
			"events on the message bus, for the seven days that it keeps them",
			"answers in the memory of nodes that were cut off from the message bus: until their `stale` is over")
		return
	}
	c.OutOfReach = append(c.OutOfReach, "copies of rows that the store's file has kept in free space since rows moved within it: VACUUM of the file, with the service stopped, clears them",
		"accepted writes in the files of the bus in the data folder, until it begins them anew")
	if !c.Overwritten {
		c.OutOfReach = append(c.OutOfReach, "the store's write-ahead log, which a long read has kept from being emptied: until it is begun anew")
	}
}
