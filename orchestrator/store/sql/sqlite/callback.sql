-- Callbacks that were remembered, as long as their run. A subject belongs to one run, so the key is unique by (subject, id).
-- name: insert
-- The first one stands.
INSERT INTO callback (run_no, subject, id, digest, outcome, at, seq, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING;
-- name: prior
SELECT digest, outcome, at FROM callback WHERE run_no = ?1 AND subject = ?2 AND id = ?3;
-- name: kept
SELECT count(*) FROM (SELECT 1 FROM callback WHERE run_no = ?1 AND subject = ?2 AND body IS NOT NULL LIMIT ?3);
-- name: of_run
SELECT subject, id, digest, outcome, at, body FROM callback WHERE run_no = ?1 ORDER BY at, seq, subject, id LIMIT ?2;
-- name: delete_of_run
DELETE FROM callback WHERE run_no = ?1;
