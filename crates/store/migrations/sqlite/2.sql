-- Units counted against quotas: of a holder, a limit, a route (empty: all together) and a period.
CREATE TABLE quota_counts (
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    route TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (kind, issuer, name, limit_name, route, from_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_counts_by_end ON quota_counts (until_ms);

-- The last batch of each writer that was counted: one that is sent again is not.
CREATE TABLE quota_writers (
    writer TEXT PRIMARY KEY,
    batch INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
