-- A threshold is told once of each quota: who gets a larger one in the middle of a period is told of that too.
-- `quota`: its units; 0 of notices that were made before. SQLite cannot take a key off a table: both are made anew,
-- with the numbers that they had, and with the next one still not given to anybody.
CREATE TABLE notices_7 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    route TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    threshold_percent INTEGER NOT NULL,
    quota INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    UNIQUE (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent, quota)
) STRICT;
INSERT INTO notices_7 (id, kind, issuer, name, account, limit_name, route, from_ms, until_ms, threshold_percent,
        body, made_ms, state, attempts, due_ms)
    SELECT id, kind, issuer, name, account, limit_name, route, from_ms, until_ms, threshold_percent,
        body, made_ms, state, attempts, due_ms
    FROM notices;
DELETE FROM sqlite_sequence WHERE name = 'notices_7';
INSERT INTO sqlite_sequence (name, seq) SELECT 'notices_7', seq FROM sqlite_sequence WHERE name = 'notices';

CREATE TABLE notice_deliveries_7 (
    notice INTEGER NOT NULL REFERENCES notices_7 (id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    PRIMARY KEY (notice, channel)
) STRICT;
INSERT INTO notice_deliveries_7 (notice, channel, state, attempts, due_ms)
    SELECT notice, channel, state, attempts, due_ms FROM notice_deliveries;

-- The one that refers to the other first: with it gone, nothing of the copy goes with the original.
DROP TABLE notice_deliveries;
DROP TABLE notices;
ALTER TABLE notices_7 RENAME TO notices;
ALTER TABLE notice_deliveries_7 RENAME TO notice_deliveries;
CREATE INDEX notices_by_due ON notices (state, due_ms);
CREATE INDEX notice_deliveries_by_due ON notice_deliveries (channel, due_ms, notice) WHERE state = 1;
