package sqltext

import "github.com/partita-dev/partita/model"

// Books are the statements that keep a family's heads, changes, outcomes and counters. The first
// parameter of each is the partition, unless it says otherwise.
type Books struct {
	Head       string // gives version
	HeadInsert string // then bucket, version, relayed
	HeadUpdate string // version, then partition
	Heads      string // limit: partitions from the first on
	HeadsAfter string // then limit: partitions above it

	Lagging       string // first bucket, last bucket, limit: partition, version, relayed
	Relayed       string // relayed, then partition
	Bucket        string // bucket, limit: partitions from the first on
	BucketAfter   string // bucket, partition, limit: partitions above it
	FollowedNow   string // the family is followed from now on: its history counts as relayed
	UnfollowedNow string // it is not any more; the number that stands for that

	ChangeInsert string // then version, id, at, body
	Changes      string // then version, limit: version, id, at, body above it, in order
	// ChangesPrune deletes, below the newest change, those before the first one at or after a point
	// in time, so that what stays has no gap. Then that point in time, the most to delete.
	ChangesPrune string

	Outcome       string // then hash: fingerprint, version, at, body
	OutcomeInsert string // then hash, fingerprint, version, at, body
	OutcomesPrune string // then a point in time, the most to delete

	Counter       string // then entity, field: n
	CounterUpsert string // then entity, field, n
}

// BooksOf writes the statements of a family.
func BooksOf(f *model.Family) *Books {
	head, change := Quote(bookName("head", f)), Quote(bookName("change", f))
	outcome, counter := Quote(bookName("outcome", f)), Quote(bookName("counter", f))
	return &Books{
		Head:       `SELECT "version" FROM ` + head + ` WHERE "partition" = $1`,
		HeadInsert: `INSERT INTO ` + head + ` ("partition", "bucket", "version", "relayed") VALUES ($1, $2, $3, $4)`,
		HeadUpdate: `UPDATE ` + head + ` SET "version" = $1 WHERE "partition" = $2`,
		Heads:      `SELECT "partition" FROM ` + head + ` ORDER BY "partition" LIMIT $1`,
		HeadsAfter: `SELECT "partition" FROM ` + head + ` WHERE "partition" > $1 ORDER BY "partition" LIMIT $2`,

		Lagging: `SELECT "partition", "version", "relayed" FROM ` + head +
			` WHERE "bucket" >= $1 AND "bucket" <= $2 AND "version" > "relayed" LIMIT $3`,
		Relayed:       `UPDATE ` + head + ` SET "relayed" = $1 WHERE "partition" = $2 AND "relayed" < $1`,
		Bucket:        `SELECT "partition" FROM ` + head + ` WHERE "bucket" = $1 ORDER BY "partition" LIMIT $2`,
		BucketAfter:   `SELECT "partition" FROM ` + head + ` WHERE "bucket" = $1 AND "partition" > $2 ORDER BY "partition" LIMIT $3`,
		FollowedNow:   `UPDATE ` + head + ` SET "relayed" = "version" WHERE "relayed" > "version"`,
		UnfollowedNow: `UPDATE ` + head + ` SET "relayed" = $1 WHERE "relayed" < $1`,

		ChangeInsert: `INSERT INTO ` + change + ` ("partition", "version", "id", "at", "body") VALUES ($1, $2, $3, $4, $5)`,
		Changes: `SELECT "version", "id", "at", "body" FROM ` + change +
			` WHERE "partition" = $1 AND "version" > $2 ORDER BY "version" LIMIT $3`,
		ChangesPrune: `DELETE FROM ` + change + ` WHERE "partition" = $1 AND "version" < COALESCE(` +
			`(SELECT "version" FROM ` + change + ` WHERE "partition" = $1 AND "at" >= $2 ORDER BY "version" LIMIT 1), ` +
			`(SELECT max("version") FROM ` + change + ` WHERE "partition" = $1)) ` +
			`AND "version" < (SELECT min("version") FROM ` + change + ` WHERE "partition" = $1) + $3 ` +
			`AND "version" <= (SELECT "relayed" FROM ` + head + ` WHERE "partition" = $1)`,

		Outcome: `SELECT "fingerprint", "version", "at", "body" FROM ` + outcome + ` WHERE "partition" = $1 AND "hash" = $2`,
		OutcomeInsert: `INSERT INTO ` + outcome +
			` ("partition", "hash", "fingerprint", "version", "at", "body") VALUES ($1, $2, $3, $4, $5, $6)`,
		OutcomesPrune: `DELETE FROM ` + outcome + ` WHERE "partition" = $1 AND "hash" IN (SELECT "hash" FROM ` + outcome +
			` WHERE "partition" = $1 AND "at" < $2 LIMIT $3)`,

		Counter: `SELECT "n" FROM ` + counter + ` WHERE "partition" = $1 AND "entity" = $2 AND "field" = $3`,
		CounterUpsert: `INSERT INTO ` + counter + ` ("partition", "entity", "field", "n") VALUES ($1, $2, $3, $4) ` +
			`ON CONFLICT ("partition", "entity", "field") DO UPDATE SET "n" = excluded."n"`,
	}
}

// The statements on partita_meta.
const (
	MetaGet = `SELECT "value" FROM "` + MetaTable + `" WHERE "name" = $1`
	MetaPut = `INSERT INTO "` + MetaTable + `" ("name", "value") VALUES ($1, $2) ON CONFLICT ("name") DO UPDATE SET "value" = excluded."value"`
)
