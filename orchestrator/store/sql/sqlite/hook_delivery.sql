-- Deliveries of webhooks: the id of the run is fixed before the run is made, so that a delivery starts one run at most.
-- name: insert
INSERT INTO hook_delivery (flow, name, delivery, digest, run, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING;
-- name: get
SELECT flow, name, delivery, digest, run, at, body FROM hook_delivery WHERE flow = ?1 AND name = ?2 AND delivery = ?3;
-- name: newest
SELECT flow, name, delivery, digest, run, at, body FROM hook_delivery WHERE flow = ?1 AND name = ?2 ORDER BY no DESC LIMIT ?3;
-- name: clean
DELETE FROM hook_delivery WHERE no IN (SELECT no FROM hook_delivery WHERE at < ?1 ORDER BY at LIMIT ?2);
