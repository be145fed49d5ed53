-- What somebody is to be told: one notice for a holder, a limit, a period and a threshold, ever.
-- `state`: 1 to be delivered, 2 delivered, 3 given up. `due_ms`: not before; while somebody delivers it,
-- when that one is taken for dead. `id`: never given to another notice, since receivers know one by it.
CREATE TABLE notices (
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
    body TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    UNIQUE (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent)
) STRICT;
CREATE INDEX notices_by_due ON notices (state, due_ms);
