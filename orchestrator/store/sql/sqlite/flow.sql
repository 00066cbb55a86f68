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
-- name: set_handoff
UPDATE flow SET handoff = ?2, live_since = ?3 WHERE name = ?1;
-- name: live
SELECT live, handoff, live_since FROM flow WHERE name = ?1 AND live IS NOT NULL;
-- name: superseded
-- Runs that were made later were asked for as they are; drafts are no releases.
SELECT run.id, flow.live FROM flow CROSS JOIN run INDEXED BY run_open
WHERE flow.handoff = 'supersede' AND run.flow = flow.name AND run.release > 0 AND run.release <> flow.live AND run.created_at <= flow.live_since
    AND run.ended_at IS NULL
    AND run.state <> 'ending'
LIMIT ?1;
-- name: without_bundle
-- By release where there is one: its runs are looked at only where its bundle is gone.
SELECT run.flow, run.release, run.id, run.bundle FROM release CROSS JOIN run INDEXED BY run_open
WHERE NOT EXISTS (SELECT 1 FROM bundle WHERE bundle.digest = release.digest) AND run.flow = release.flow AND run.release = release.number
    AND run.ended_at IS NULL
UNION ALL
SELECT run.flow, run.release, run.id, run.bundle FROM flow CROSS JOIN run INDEXED BY run_open
WHERE run.flow = flow.name AND run.release = 0 AND NOT EXISTS (SELECT 1 FROM bundle WHERE bundle.digest = run.bundle)
    AND run.ended_at IS NULL
LIMIT ?1;
