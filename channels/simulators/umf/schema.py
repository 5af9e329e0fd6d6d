"""The tables of a simulated UMF. Times are seconds: ``_at`` by its calendar (which a fault may
shift), ``_wall`` by the real clock (waits are counted on it).
"""

TABLES = """
CREATE TABLE IF NOT EXISTS trades (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id TEXT NOT NULL UNIQUE, transaction_id TEXT NOT NULL UNIQUE, pay_seq TEXT NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('activescan', 'unifiedcode', 'unactivescan')),
    pay_type TEXT NOT NULL, content TEXT NOT NULL, title TEXT NOT NULL, notify_url TEXT NOT NULL,
    total INTEGER NOT NULL, order_date TEXT NOT NULL, token TEXT NOT NULL, open_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('NOTPAY', 'SUCCESS', 'CLOSED', 'PAYERROR', 'CANCELLED')),
    created_at REAL NOT NULL, created_wall REAL NOT NULL, expires_at REAL NOT NULL,
    paid INTEGER, paid_at REAL, paid_wall REAL
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    refund_order_id TEXT NOT NULL UNIQUE, pay_seq TEXT NOT NULL,
    order_id TEXT NOT NULL REFERENCES trades (order_id),
    amount INTEGER NOT NULL, notify_url TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'FAILED')),
    becomes TEXT NOT NULL,
    created_at REAL NOT NULL, created_wall REAL NOT NULL, due_wall REAL NOT NULL,
    finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_order ON refunds (order_id);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (due_wall) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS repeals (
    order_id TEXT PRIMARY KEY REFERENCES trades (order_id),
    pay_seq TEXT NOT NULL, amount INTEGER NOT NULL, notify_url TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'FAILED')),
    becomes TEXT NOT NULL, created_at REAL NOT NULL, due_wall REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS repeals_due ON repeals (due_wall) WHERE status = 'PROCESSING';
"""
