-- Releases: numbered from 1, never changed.
-- name: insert
INSERT INTO release (flow, number, digest, manifest, notes, actor, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
-- name: newest
SELECT number, digest FROM release WHERE flow = ?1 ORDER BY number DESC LIMIT 1;
-- name: get
SELECT flow, number, digest, manifest, notes, actor, at, coalesce(number = (SELECT flow.live FROM flow WHERE flow.name = release.flow), 0)
FROM release WHERE flow = ?1 AND number = ?2;
-- name: of_flow
SELECT flow, number, digest, manifest, notes, actor, at, coalesce(number = (SELECT flow.live FROM flow WHERE flow.name = release.flow), 0)
FROM release WHERE flow = ?1 ORDER BY number DESC;
