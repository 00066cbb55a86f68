-- Which migrations were applied, with the checksum of their text.
-- name: create
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
);
-- name: all
SELECT number, name, checksum FROM migration ORDER BY number;
-- name: insert
INSERT INTO migration (number, name, checksum) VALUES (?1, ?2, ?3);
