-- Units counted against quotas: of a holder (a subject's by the account that it acted in, empty: none), a
-- limit, a route (empty: all together) and a period. `quota`: how many there are, 0: not known.
CREATE TABLE quota_counts (
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    route TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    units INTEGER NOT NULL,
    quota INTEGER NOT NULL,
    PRIMARY KEY (kind, issuer, name, account, limit_name, route, from_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_counts_by_end ON quota_counts (until_ms);

-- The last batch of each writer that was counted: one that is sent again is not.
CREATE TABLE quota_writers (
    writer TEXT PRIMARY KEY,
    batch INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
