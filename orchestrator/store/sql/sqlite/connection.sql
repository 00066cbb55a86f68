-- What every connection is set to, and the words of a transaction.
-- name: application
-- 'sort': tells the file from any other program's.
PRAGMA application_id = 1936683636;
-- name: writer
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA mmap_size = 0;
-- 8 MiB: a commit after which a tree was balanced walks the whole cache, and what is not in it is in the kernel's.
PRAGMA cache_size = -8192;
PRAGMA temp_store = MEMORY;
-- In pages: 16 MiB. The checkpointer has taken most of it into the file by then; this lets the log begin anew.
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
-- name: reader
PRAGMA query_only = ON;
PRAGMA mmap_size = 0;
PRAGMA cache_size = -4096;
PRAGMA temp_store = MEMORY;
-- name: application_id
PRAGMA application_id;
-- name: objects
SELECT count(*) FROM sqlite_schema;
-- name: journal_mode
PRAGMA journal_mode;
-- name: checkpoint
PRAGMA wal_checkpoint(TRUNCATE);
-- name: checkpoint_beside
PRAGMA wal_checkpoint(PASSIVE);
-- name: begin
BEGIN IMMEDIATE;
-- name: commit
COMMIT;
-- name: rollback
ROLLBACK;
-- name: save
SAVEPOINT operation;
-- name: keep
RELEASE operation;
-- name: undo
ROLLBACK TO operation;
-- name: unchecked
PRAGMA foreign_keys = OFF;
-- name: checked
PRAGMA foreign_keys = ON;
-- name: violations
PRAGMA foreign_key_check;
