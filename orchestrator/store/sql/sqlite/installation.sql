-- One row: whose store this is, and the source of the fences of claims.
-- name: insert
INSERT INTO installation (one, id, epoch, claims) VALUES (1, ?1, 1, 0) ON CONFLICT DO NOTHING;
-- name: get
SELECT id, epoch FROM installation WHERE one = 1;
-- name: next_fences
-- ?1 new fences; the last of them is returned. No two claims ever share one, so a finished row that comes back is safe.
UPDATE installation SET claims = claims + ?1 WHERE one = 1 RETURNING claims;
