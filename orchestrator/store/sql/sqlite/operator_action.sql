-- Commands of operators, the newest of them.
-- name: insert
INSERT INTO operator_action (at, actor, method, path, status) VALUES (?1, ?2, ?3, ?4, ?5);
-- name: forget
DELETE FROM operator_action WHERE no <= ?1;
-- name: before
SELECT no, at, actor, method, path, status FROM operator_action WHERE no < ?1 ORDER BY no DESC LIMIT ?2;
