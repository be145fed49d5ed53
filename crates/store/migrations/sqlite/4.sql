-- What was used. A series: who (empty: anonymous), on which plan and route (empty: none known), with the
-- first and the last period in which it was counted. So each count is a few numbers.
CREATE TABLE meter_series (
    id INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT NOT NULL,
    plan TEXT NOT NULL,
    route TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    UNIQUE (issuer, subject, account, plan, route)
) STRICT;
CREATE INDEX meter_series_of_account ON meter_series (issuer, account) WHERE account <> '';

-- Of one series in the quarter of an hour that begins at `from_ms`.
CREATE TABLE meters (
    series INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    admitted INTEGER NOT NULL,
    limited INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    cost_units INTEGER NOT NULL,
    PRIMARY KEY (series, from_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX meters_by_time ON meters (from_ms);

-- Files of logs whose first `lines` lines are in the meters. A file is known by its first line (`head`),
-- logs with the same first line are numbered (`fork`). `marks`: digests of its beginning.
CREATE TABLE counted_logs (
    source TEXT NOT NULL,
    head TEXT NOT NULL,
    fork INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    marks TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (source, head, fork)
) STRICT, WITHOUT ROWID;
CREATE INDEX counted_logs_by_time ON counted_logs (at_ms);
