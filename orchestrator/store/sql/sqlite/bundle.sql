-- Files of flows, by the digest of their content.
-- name: insert
INSERT INTO bundle (digest, files) VALUES (?1, ?2) ON CONFLICT DO NOTHING;
-- name: get
SELECT files FROM bundle WHERE digest = ?1;
