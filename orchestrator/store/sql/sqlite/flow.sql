-- Flows and what is live of them.
-- name: insert
INSERT INTO flow (name, live) VALUES (?1, NULL) ON CONFLICT DO NOTHING;
-- name: set_live
UPDATE flow SET live = ?2 WHERE name = ?1;
-- name: get
SELECT flow.name, draft.digest, draft.at, flow.live, release.digest, coalesce(release.manifest, draft.manifest)
FROM flow LEFT JOIN draft ON draft.flow = flow.name LEFT JOIN release ON release.flow = flow.name AND release.number = flow.live
WHERE flow.name = ?1;
-- name: all
SELECT flow.name, draft.digest, draft.at, flow.live, release.digest, coalesce(release.manifest, draft.manifest)
FROM flow LEFT JOIN draft ON draft.flow = flow.name LEFT JOIN release ON release.flow = flow.name AND release.number = flow.live
ORDER BY flow.name;
