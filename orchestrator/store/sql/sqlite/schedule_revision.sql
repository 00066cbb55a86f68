-- Which cron expression was in force when: a backfill asks for it.
-- name: close
UPDATE schedule_revision SET until = ?3 WHERE flow = ?1 AND name = ?2 AND until IS NULL;
-- name: insert
INSERT INTO schedule_revision (flow, name, since, until, spec, release) VALUES (?1, ?2, ?3, NULL, ?4, ?5)
ON CONFLICT (flow, name, since) DO UPDATE SET until = NULL, spec = excluded.spec, release = excluded.release;
-- name: of
SELECT since, until, spec, release FROM schedule_revision WHERE flow = ?1 AND name = ?2 ORDER BY since;
