-- Working copies.
-- name: put
INSERT INTO draft (flow, digest, manifest, actor, at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (flow) DO UPDATE SET digest = excluded.digest, manifest = excluded.manifest, actor = excluded.actor, at = excluded.at;
-- name: get
SELECT digest, manifest FROM draft WHERE flow = ?1;
-- name: whole
SELECT digest, manifest, actor, at FROM draft WHERE flow = ?1;
