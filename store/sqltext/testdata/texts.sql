-- sqlite
CREATE TABLE "partita_meta" ("name" TEXT NOT NULL PRIMARY KEY, "value" TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_head_account" ("partition" TEXT NOT NULL, "bucket" INTEGER NOT NULL, "version" INTEGER NOT NULL, "relayed" INTEGER NOT NULL, "last" INTEGER NOT NULL, PRIMARY KEY ("partition")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_change_account" ("seq" INTEGER PRIMARY KEY, "partition" TEXT NOT NULL, "version" INTEGER NOT NULL, "before" INTEGER NOT NULL, "id" BLOB NOT NULL, "at" INTEGER NOT NULL, "body" BLOB NOT NULL) STRICT;
CREATE TABLE "partita_mark_account" ("partition" TEXT NOT NULL, "version" INTEGER NOT NULL, "seq" INTEGER NOT NULL, PRIMARY KEY ("partition", "version")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_outcome_account" ("partition" TEXT NOT NULL, "hash" BLOB NOT NULL, "fingerprint" BLOB NOT NULL, "version" INTEGER NOT NULL, "at" INTEGER NOT NULL, "body" BLOB NOT NULL, PRIMARY KEY ("partition", "hash")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_counter_account" ("partition" TEXT NOT NULL, "entity" TEXT NOT NULL, "field" TEXT NOT NULL, "n" INTEGER NOT NULL, PRIMARY KEY ("partition", "entity", "field")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_head_room" ("partition" INTEGER NOT NULL, "bucket" INTEGER NOT NULL, "version" INTEGER NOT NULL, "relayed" INTEGER NOT NULL, "last" INTEGER NOT NULL, PRIMARY KEY ("partition")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_change_room" ("seq" INTEGER PRIMARY KEY, "partition" INTEGER NOT NULL, "version" INTEGER NOT NULL, "before" INTEGER NOT NULL, "id" BLOB NOT NULL, "at" INTEGER NOT NULL, "body" BLOB NOT NULL) STRICT;
CREATE TABLE "partita_mark_room" ("partition" INTEGER NOT NULL, "version" INTEGER NOT NULL, "seq" INTEGER NOT NULL, PRIMARY KEY ("partition", "version")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_outcome_room" ("partition" INTEGER NOT NULL, "hash" BLOB NOT NULL, "fingerprint" BLOB NOT NULL, "version" INTEGER NOT NULL, "at" INTEGER NOT NULL, "body" BLOB NOT NULL, PRIMARY KEY ("partition", "hash")) STRICT, WITHOUT ROWID;
CREATE TABLE "partita_counter_room" ("partition" INTEGER NOT NULL, "entity" TEXT NOT NULL, "field" TEXT NOT NULL, "n" INTEGER NOT NULL, PRIMARY KEY ("partition", "entity", "field")) STRICT, WITHOUT ROWID;
CREATE TABLE "account" ("account_id" TEXT NOT NULL, "name" TEXT NOT NULL, "credit" INTEGER NOT NULL, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id")) STRICT, WITHOUT ROWID;
CREATE TABLE "order" ("account_id" TEXT NOT NULL, "order_id" TEXT NOT NULL, "code" TEXT, "kind" TEXT NOT NULL, "rank" INTEGER, "label" TEXT NOT NULL, "at" TEXT NOT NULL, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id", "order_id")) STRICT, WITHOUT ROWID;
CREATE TABLE "line" ("account_id" TEXT NOT NULL, "order_id" TEXT NOT NULL, "sku" TEXT NOT NULL, "quantity" INTEGER NOT NULL, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id", "order_id", "sku")) STRICT, WITHOUT ROWID;
CREATE TABLE "entry" ("account_id" TEXT NOT NULL, "seq" INTEGER NOT NULL, "at" TEXT NOT NULL, "text" TEXT, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id", "seq")) STRICT, WITHOUT ROWID;
CREATE TABLE "hold" ("account_id" TEXT NOT NULL, "seat" INTEGER NOT NULL, "who" TEXT, "at" TEXT, "note" TEXT NOT NULL, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id", "seat")) STRICT, WITHOUT ROWID;
CREATE TABLE "sample" ("account_id" TEXT NOT NULL, "u" TEXT NOT NULL, "t" TEXT NOT NULL, "d" TEXT NOT NULL, "s" TEXT NOT NULL, "i" INTEGER NOT NULL, "f" REAL NOT NULL, "b" INTEGER NOT NULL, "p" INTEGER NOT NULL, "r" BLOB NOT NULL, "j" TEXT NOT NULL, "m" TEXT NOT NULL, "l" TEXT NOT NULL, "opt_t" TEXT, "opt_d" TEXT, "opt_f" REAL, "opt_b" INTEGER, "opt_p" INTEGER, "opt_r" BLOB, "opt_j" TEXT, "_version" INTEGER NOT NULL, PRIMARY KEY ("account_id", "u", "t", "d")) STRICT, WITHOUT ROWID;
CREATE TABLE "seat" ("room_id" INTEGER NOT NULL, "seat_id" INTEGER NOT NULL, "who" TEXT NOT NULL, "_version" INTEGER NOT NULL, PRIMARY KEY ("room_id", "seat_id")) STRICT, WITHOUT ROWID;
CREATE INDEX "partita_lag_account" ON "partita_head_account" ("bucket") WHERE "version" > "relayed";
CREATE INDEX "partita_bucket_account" ON "partita_head_account" ("bucket", "partition");
CREATE INDEX "partita_lag_room" ON "partita_head_room" ("bucket") WHERE "version" > "relayed";
CREATE INDEX "partita_bucket_room" ON "partita_head_room" ("bucket", "partition");
CREATE UNIQUE INDEX "partita_unique_order_code" ON "order" ("account_id", "code");
CREATE INDEX "partita_index_order_kind_label_rank_order_id" ON "order" ("account_id", "kind", "label", "rank", "order_id");
CREATE INDEX "partita_index_order_kind_rank_desc_order_id_desc" ON "order" ("account_id", "kind", "rank" DESC, "order_id" DESC);
CREATE INDEX "partita_index_order_label_rank_order_id" ON "order" ("account_id", "label", "rank", "order_id");
CREATE INDEX "partita_index_order_rank_order_id" ON "order" ("account_id", "rank", "order_id");
CREATE INDEX "partita_index_order_label_order_id" ON "order" ("account_id", "label", "order_id");
CREATE UNIQUE INDEX "partita_unique_hold_who" ON "hold" ("account_id", "who");
-- order {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."order_id" = $2 WHERE h."partition" = $1;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 4;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."order_id") > ($2) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 4;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:true}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."order_id") < ($2) WHERE h."partition" = $1 ORDER BY e."order_id" DESC LIMIT 4;
-- by_rank {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_rank_order_id" ON e."account_id" = $1 AND e."rank" >= $2 AND (e."rank" > $3 OR e."rank" = $4 AND (e."order_id" > $5)) WHERE h."partition" = $1 ORDER BY e."rank", e."order_id" LIMIT 4;
-- by_rank {Filter:0 Null:0 CursorNull:1 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_rank_order_id" ON e."account_id" = $1 AND (e."rank" IS NOT NULL OR e."rank" IS NULL AND (e."order_id" > $2)) WHERE h."partition" = $1 ORDER BY e."rank", e."order_id" LIMIT 4;
-- by_rank_up {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_rank_order_id" ON e."account_id" = $1 AND (e."rank" IS NULL OR e."rank" < $2 OR e."rank" = $3 AND (e."order_id" < $4)) WHERE h."partition" = $1 ORDER BY e."rank" DESC, e."order_id" DESC LIMIT 4;
-- by_kind {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:true}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_kind_rank_desc_order_id_desc" ON e."account_id" = $1 AND e."kind" <= $2 AND (e."kind" < $3 OR e."kind" = $4 AND (e."rank" > $5 OR e."rank" = $6 AND (e."order_id" > $7))) WHERE h."partition" = $1 ORDER BY e."kind" DESC, e."rank", e."order_id" LIMIT 4;
-- of_kind {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_kind_rank_desc_order_id_desc" ON e."account_id" = $1 AND e."kind" = $2 WHERE h."partition" = $1 ORDER BY e."rank" DESC, e."order_id" DESC LIMIT 4;
-- filtered {Filter:3 Null:0 CursorNull:0 From:true To:true Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_kind_label_rank_order_id" ON e."account_id" = $1 AND e."kind" = $2 AND e."label" = $3 AND e."rank" >= $4 AND e."rank" < $5 WHERE h."partition" = $1 ORDER BY e."rank", e."order_id" LIMIT 101;
-- filtered {Filter:2 Null:4 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_label_rank_order_id" ON e."account_id" = $1 AND e."label" IS NULL WHERE h."partition" = $1 ORDER BY e."rank", e."order_id" LIMIT 101;
-- some_kinds {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_label_order_id" ON e."account_id" = $1 AND e."kind" IN ($2, $3) WHERE h."partition" = $1 ORDER BY e."label", e."order_id" LIMIT 101;
-- unranked {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_rank_order_id" ON e."account_id" = $1 AND e."rank" IS NULL WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 3;
-- unranked {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e INDEXED BY "partita_index_order_rank_order_id" ON e."account_id" = $1 AND e."rank" IS NULL AND (e."order_id") > ($2) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 3;
-- few_ranks {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."rank" IS NULL OR e."rank" IN ($2, $3)) AND (e."code" IS NULL OR e."code" IN ($4, $5)) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 101;
-- entries {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."seq", e."at", e."text" FROM "partita_head_account" h LEFT JOIN "entry" e ON e."account_id" = $1 AND e."at" > $2 WHERE h."partition" = $1 ORDER BY e."seq" DESC LIMIT 101;
-- postgres
CREATE TABLE "partita_meta" ("name" text COLLATE "C" NOT NULL PRIMARY KEY, "value" text COLLATE "C" NOT NULL);
CREATE TABLE "partita_head_account" ("partition" text COLLATE "C" NOT NULL, "bucket" bigint NOT NULL, "version" bigint NOT NULL, "relayed" bigint NOT NULL, PRIMARY KEY ("partition"));
CREATE TABLE "partita_change_account" ("partition" text COLLATE "C" NOT NULL, "version" bigint NOT NULL, "id" bytea NOT NULL, "at" bigint NOT NULL, "body" bytea NOT NULL, PRIMARY KEY ("partition", "version"));
CREATE TABLE "partita_outcome_account" ("partition" text COLLATE "C" NOT NULL, "hash" bytea NOT NULL, "fingerprint" bytea NOT NULL, "version" bigint NOT NULL, "at" bigint NOT NULL, "body" bytea NOT NULL, PRIMARY KEY ("partition", "hash"));
CREATE TABLE "partita_counter_account" ("partition" text COLLATE "C" NOT NULL, "entity" text COLLATE "C" NOT NULL, "field" text COLLATE "C" NOT NULL, "n" bigint NOT NULL, PRIMARY KEY ("partition", "entity", "field"));
CREATE TABLE "partita_head_room" ("partition" bigint NOT NULL, "bucket" bigint NOT NULL, "version" bigint NOT NULL, "relayed" bigint NOT NULL, PRIMARY KEY ("partition"));
CREATE TABLE "partita_change_room" ("partition" bigint NOT NULL, "version" bigint NOT NULL, "id" bytea NOT NULL, "at" bigint NOT NULL, "body" bytea NOT NULL, PRIMARY KEY ("partition", "version"));
CREATE TABLE "partita_outcome_room" ("partition" bigint NOT NULL, "hash" bytea NOT NULL, "fingerprint" bytea NOT NULL, "version" bigint NOT NULL, "at" bigint NOT NULL, "body" bytea NOT NULL, PRIMARY KEY ("partition", "hash"));
CREATE TABLE "partita_counter_room" ("partition" bigint NOT NULL, "entity" text COLLATE "C" NOT NULL, "field" text COLLATE "C" NOT NULL, "n" bigint NOT NULL, PRIMARY KEY ("partition", "entity", "field"));
CREATE TABLE "account" ("account_id" text COLLATE "C" NOT NULL, "name" text COLLATE "C" NOT NULL, "credit" bigint NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("account_id"));
CREATE TABLE "order" ("account_id" text COLLATE "C" NOT NULL, "order_id" text COLLATE "C" NOT NULL, "code" text COLLATE "C", "kind" text COLLATE "C" NOT NULL, "rank" bigint, "label" text COLLATE "C" NOT NULL, "at" timestamptz NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("account_id", "order_id"));
CREATE TABLE "line" ("account_id" text COLLATE "C" NOT NULL, "order_id" text COLLATE "C" NOT NULL, "sku" text COLLATE "C" NOT NULL, "quantity" bigint NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("account_id", "order_id", "sku"));
CREATE TABLE "entry" ("account_id" text COLLATE "C" NOT NULL, "seq" bigint NOT NULL, "at" timestamptz NOT NULL, "text" text COLLATE "C", "_version" bigint NOT NULL, PRIMARY KEY ("account_id", "seq"));
CREATE TABLE "hold" ("account_id" text COLLATE "C" NOT NULL, "seat" bigint NOT NULL, "who" text COLLATE "C", "at" timestamptz, "note" text COLLATE "C" NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("account_id", "seat"));
CREATE TABLE "sample" ("account_id" text COLLATE "C" NOT NULL, "u" uuid NOT NULL, "t" timestamptz NOT NULL, "d" date NOT NULL, "s" text COLLATE "C" NOT NULL, "i" bigint NOT NULL, "f" double precision NOT NULL, "b" boolean NOT NULL, "p" numeric(18,4) NOT NULL, "r" bytea NOT NULL, "j" text COLLATE "C" NOT NULL, "m" text COLLATE "C" NOT NULL, "l" text COLLATE "C" NOT NULL, "opt_t" timestamptz, "opt_d" date, "opt_f" double precision, "opt_b" boolean, "opt_p" numeric(6,2), "opt_r" bytea, "opt_j" text COLLATE "C", "_version" bigint NOT NULL, PRIMARY KEY ("account_id", "u", "t", "d"));
CREATE TABLE "seat" ("room_id" bigint NOT NULL, "seat_id" bigint NOT NULL, "who" text COLLATE "C" NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("room_id", "seat_id"));
CREATE INDEX "partita_lag_account" ON "partita_head_account" ("bucket") WHERE "version" > "relayed";
CREATE INDEX "partita_bucket_account" ON "partita_head_account" ("bucket", "partition");
CREATE INDEX "partita_lag_room" ON "partita_head_room" ("bucket") WHERE "version" > "relayed";
CREATE INDEX "partita_bucket_room" ON "partita_head_room" ("bucket", "partition");
CREATE UNIQUE INDEX "partita_unique_order_code" ON "order" ("account_id", "code");
CREATE INDEX "partita_index_order_kind_label_rank_order_id" ON "order" ("account_id", "kind", "label", "rank" NULLS FIRST, "order_id");
CREATE INDEX "partita_index_order_kind_rank_desc_order_id_desc" ON "order" ("account_id", "kind", "rank" DESC NULLS LAST, "order_id" DESC);
CREATE INDEX "partita_index_order_label_rank_order_id" ON "order" ("account_id", "label", "rank" NULLS FIRST, "order_id");
CREATE INDEX "partita_index_order_rank_order_id" ON "order" ("account_id", "rank" NULLS FIRST, "order_id");
CREATE INDEX "partita_index_order_label_order_id" ON "order" ("account_id", "label", "order_id");
CREATE UNIQUE INDEX "partita_unique_hold_who" ON "hold" ("account_id", "who");
-- order {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."order_id" = $2 WHERE h."partition" = $1;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 4;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."order_id") > ($2) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 4;
-- orders {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:true}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."order_id") < ($2) WHERE h."partition" = $1 ORDER BY e."order_id" DESC LIMIT 4;
-- by_rank {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."rank" >= $2 AND (e."rank" > $3 OR e."rank" = $4 AND (e."order_id" > $5)) WHERE h."partition" = $1 ORDER BY e."rank" NULLS FIRST, e."order_id" LIMIT 4;
-- by_rank {Filter:0 Null:0 CursorNull:1 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."rank" IS NOT NULL OR e."rank" IS NULL AND (e."order_id" > $2)) WHERE h."partition" = $1 ORDER BY e."rank" NULLS FIRST, e."order_id" LIMIT 4;
-- by_rank_up {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."rank" IS NULL OR e."rank" < $2 OR e."rank" = $3 AND (e."order_id" < $4)) WHERE h."partition" = $1 ORDER BY e."rank" DESC NULLS LAST, e."order_id" DESC LIMIT 4;
-- by_kind {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:true}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."kind" <= $2 AND (e."kind" < $3 OR e."kind" = $4 AND (e."rank" > $5 OR e."rank" = $6 AND (e."order_id" > $7))) WHERE h."partition" = $1 ORDER BY e."kind" DESC, e."rank" NULLS FIRST, e."order_id" LIMIT 4;
-- of_kind {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."kind" = $2 WHERE h."partition" = $1 ORDER BY e."rank" DESC NULLS LAST, e."order_id" DESC LIMIT 4;
-- filtered {Filter:3 Null:0 CursorNull:0 From:true To:true Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."kind" = $2 AND e."label" = $3 AND e."rank" >= $4 AND e."rank" < $5 WHERE h."partition" = $1 ORDER BY e."rank" NULLS FIRST, e."order_id" LIMIT 101;
-- filtered {Filter:2 Null:4 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."label" IS NULL WHERE h."partition" = $1 ORDER BY e."rank" NULLS FIRST, e."order_id" LIMIT 101;
-- some_kinds {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."kind" IN ($2, $3) WHERE h."partition" = $1 ORDER BY e."label", e."order_id" LIMIT 101;
-- unranked {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."rank" IS NULL WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 3;
-- unranked {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:true Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND e."rank" IS NULL AND (e."order_id") > ($2) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 3;
-- few_ranks {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."order_id", e."code", e."kind", e."rank", e."label", e."at" FROM "partita_head_account" h LEFT JOIN "order" e ON e."account_id" = $1 AND (e."rank" IS NULL OR e."rank" IN ($2, $3)) AND (e."code" IS NULL OR e."code" IN ($4, $5)) WHERE h."partition" = $1 ORDER BY e."order_id" LIMIT 101;
-- entries {Filter:0 Null:0 CursorNull:0 From:false To:false Cursor:false Back:false}
SELECT h."version", e."_version", e."account_id", e."seq", e."at", e."text" FROM "partita_head_account" h LEFT JOIN "entry" e ON e."account_id" = $1 AND e."at" > $2 WHERE h."partition" = $1 ORDER BY e."seq" DESC LIMIT 101;
-- rows
SELECT "_version", "account_id", "order_id", "code", "kind", "rank", "label", "at" FROM "order" WHERE "account_id" = $1 AND "order_id" = $2;
SELECT "_version", "account_id", "order_id", "code", "kind", "rank", "label", "at" FROM "order" WHERE "account_id" = $1 AND "code" IS NULL AND "kind" = $2 ORDER BY "account_id", "order_id" LIMIT $3;
SELECT "_version", "account_id", "seat", "who", "at", "note" FROM "hold" WHERE "account_id" = $1 AND "who" = $2 AND ("at" IS NULL OR "at" > $3) ORDER BY "account_id", "seat" LIMIT $4;
SELECT "_version", "account_id", "seq", "at", "text" FROM "entry" WHERE "account_id" = $1 AND "at" <= $2 ORDER BY "account_id", "seq" LIMIT $3;
SELECT "_version", "account_id", "order_id", "code", "kind", "rank", "label", "at" FROM "order" WHERE ("account_id", "order_id") > ($1, $2) ORDER BY "account_id", "order_id" LIMIT $3;
INSERT INTO "order" ("account_id", "order_id", "code", "kind", "rank", "label", "at", "_version") VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
UPDATE "order" SET "kind" = $1, "rank" = $2, "_version" = $3 WHERE "account_id" = $4 AND "order_id" = $5;
DELETE FROM "order" WHERE "account_id" = $1 AND "order_id" = $2;
-- log
SELECT "version", "relayed", "last" FROM "partita_head_account" WHERE "partition" = $1;
INSERT INTO "partita_head_account" ("partition", "bucket", "version", "relayed", "last") VALUES ($1, $2, $3, $4, $5);
UPDATE "partita_head_account" SET "version" = $1, "last" = $2 WHERE "partition" = $3;
SELECT COALESCE(max("seq"), 0) FROM "partita_change_account";
INSERT INTO "partita_change_account" ("seq", "partition", "version", "before", "id", "at", "body") VALUES ($1, $2, $3, $4, $5, $6, $7);
SELECT "version", "before", "id", "at", "body" FROM "partita_change_account" WHERE "seq" = $1;
DELETE FROM "partita_change_account" WHERE "seq" = $1;
INSERT INTO "partita_mark_account" ("partition", "version", "seq") VALUES ($1, $2, $3);
SELECT "version", "seq" FROM "partita_mark_account" WHERE "partition" = $1 AND "version" >= $2 ORDER BY "version" LIMIT 1;
DELETE FROM "partita_mark_account" WHERE "partition" = $1 AND "version" <= $2;
