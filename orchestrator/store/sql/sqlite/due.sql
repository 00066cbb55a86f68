-- Due work. A claim moves `due_at` to the end of its lease, so that one index serves and an expired lease comes back by itself;
-- `asked_at` keeps the time that was asked for. Fence 0: not claimed since it was last put.
-- name: put
INSERT INTO due (run_no, key, class, due_at, asked_at, fence) VALUES (?1, ?2, ?3, ?4, NULL, 0)
ON CONFLICT (run_no, key) DO UPDATE SET due_at = excluded.due_at, asked_at = NULL, fence = 0;
-- name: drop
DELETE FROM due WHERE run_no = ?1 AND key = ?2;
-- name: keys
SELECT key FROM due WHERE run_no = ?1;
-- name: next
SELECT due_at FROM due WHERE class = ?1 ORDER BY due_at LIMIT 1;
-- name: ready
SELECT run_no, key, coalesce(asked_at, due_at), (SELECT run.id FROM run WHERE run.run_no = due.run_no)
FROM due WHERE class = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3;
-- name: claim
UPDATE due SET due_at = ?3, asked_at = coalesce(asked_at, due_at), fence = ?4 WHERE run_no = ?1 AND key = ?2;
-- name: finish
DELETE FROM due WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: postpone
UPDATE due SET due_at = ?4, asked_at = NULL, fence = 0
WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: give_back
UPDATE due SET due_at = asked_at, asked_at = NULL, fence = 0 WHERE class = ?1 AND due_at <= ?2 AND asked_at IS NOT NULL;
-- name: of_run
SELECT key, coalesce(asked_at, due_at), fence FROM due WHERE run_no = ?1 ORDER BY 2, key;
-- name: held
SELECT 1 FROM due WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: backlog
-- A claim moves `due_at` to the end of its lease, so what is claimed is not counted.
SELECT count(*), min(due_at) FROM (SELECT due_at FROM due WHERE class = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3);
