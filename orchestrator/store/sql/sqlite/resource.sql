-- Names of kept bytes, by run.
-- name: insert
INSERT INTO resource (run_no, subject, name, call, media_type, size, sha256, created_at, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- name: get
SELECT subject, name, call, media_type, size, sha256, created_at, expires_at FROM resource WHERE run_no = ?1 AND subject = ?2 AND name = ?3;
-- name: unname
DELETE FROM resource WHERE run_no = ?1 AND subject = ?2 AND name = ?3;
-- name: page
SELECT subject, name, call, media_type, size, sha256, created_at, expires_at FROM resource
WHERE run_no = ?1 AND (subject, name) > (?2, ?3) ORDER BY subject, name LIMIT ?4;
-- name: of_subject
SELECT subject, name, call, media_type, size, sha256, created_at, expires_at FROM resource WHERE run_no = ?1 AND subject = ?2 ORDER BY name;
-- name: total
SELECT coalesce(sum(size), 0) FROM resource WHERE run_no = ?1;
-- name: expire
DELETE FROM resource WHERE (run_no, subject, name) IN
    (SELECT run_no, subject, name FROM resource WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT ?2);
