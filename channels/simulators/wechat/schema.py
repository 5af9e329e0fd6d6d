"""The tables of a simulated WeChat Pay. Times are seconds: ``_at`` by its calendar (which a fault
may shift), ``_wall`` by the real clock (waits are counted on it).
"""

TABLES = """
CREATE TABLE IF NOT EXISTS trades (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_trade_no TEXT NOT NULL UNIQUE,
    transaction_id TEXT UNIQUE,
    trade_type TEXT NOT NULL, description TEXT NOT NULL, attach TEXT NOT NULL,
    total INTEGER NOT NULL, notify_url TEXT NOT NULL, openid TEXT NOT NULL,
    parameters TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('NOTPAY', 'SUCCESS', 'CLOSED')),
    created_at REAL NOT NULL, created_wall REAL NOT NULL,
    expires_at REAL NOT NULL, closes_at REAL NOT NULL,
    prepay_id TEXT NOT NULL, token TEXT NOT NULL, token_until REAL NOT NULL,
    paid INTEGER, paid_at REAL, paid_wall REAL
) STRICT;
CREATE INDEX IF NOT EXISTS trades_open ON trades (closes_at) WHERE state = 'NOTPAY';
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_refund_no TEXT NOT NULL UNIQUE,
    refund_id TEXT NOT NULL UNIQUE,
    out_trade_no TEXT NOT NULL REFERENCES trades (out_trade_no),
    transaction_id TEXT NOT NULL,
    amount INTEGER NOT NULL, total INTEGER NOT NULL,
    reason TEXT NOT NULL, notify_url TEXT NOT NULL, funds_account TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL')),
    becomes TEXT NOT NULL,
    created_at REAL NOT NULL, created_wall REAL NOT NULL, due_wall REAL NOT NULL,
    finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_order ON refunds (out_trade_no);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (due_wall) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS freezes (
    out_trade_no TEXT PRIMARY KEY REFERENCES trades (out_trade_no),
    transaction_id TEXT NOT NULL UNIQUE,
    unsplit INTEGER NOT NULL CHECK (unsplit >= 0),
    state TEXT NOT NULL CHECK (state IN ('OPEN', 'FINISHING', 'FINISHED')),
    paid_wall REAL NOT NULL, lapses_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS freezes_open ON freezes (lapses_at) WHERE state = 'OPEN';
CREATE TABLE IF NOT EXISTS receivers (
    type TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
    relation_type TEXT NOT NULL, custom_relation TEXT NOT NULL,
    PRIMARY KEY (type, account)
) STRICT;
CREATE TABLE IF NOT EXISTS shares (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_order_no TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL UNIQUE,
    out_trade_no TEXT NOT NULL REFERENCES freezes (out_trade_no),
    transaction_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('share', 'unfreeze')),
    finishes INTEGER NOT NULL, content TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('PROCESSING', 'FINISHED')),
    created_at REAL NOT NULL, created_wall REAL NOT NULL, due_wall REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS shares_order ON shares (out_trade_no);
CREATE INDEX IF NOT EXISTS shares_due ON shares (due_wall) WHERE state = 'PROCESSING';
CREATE TABLE IF NOT EXISTS share_details (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    detail_id TEXT NOT NULL UNIQUE,
    out_order_no TEXT NOT NULL REFERENCES shares (out_order_no),
    type TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL, description TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('PENDING', 'SUCCESS', 'CLOSED')),
    fails TEXT NOT NULL, fail_reason TEXT NOT NULL,
    created_at REAL NOT NULL, finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS share_details_share ON share_details (out_order_no);
CREATE TABLE IF NOT EXISTS share_returns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_return_no TEXT NOT NULL UNIQUE, return_id TEXT NOT NULL UNIQUE,
    out_order_no TEXT NOT NULL REFERENCES shares (out_order_no),
    order_id TEXT NOT NULL, out_trade_no TEXT NOT NULL,
    return_mchid TEXT NOT NULL, amount INTEGER NOT NULL, description TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('PROCESSING', 'SUCCESS', 'FAILED')),
    fails TEXT NOT NULL, fail_reason TEXT NOT NULL,
    created_at REAL NOT NULL, created_wall REAL NOT NULL, due_wall REAL NOT NULL,
    finished_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS share_returns_share ON share_returns (out_order_no);
CREATE INDEX IF NOT EXISTS share_returns_due ON share_returns (due_wall)
    WHERE result = 'PROCESSING';
CREATE TABLE IF NOT EXISTS transfers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_bill_no TEXT NOT NULL UNIQUE, transfer_bill_no TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL, openid TEXT NOT NULL, user_name TEXT NOT NULL,
    amount INTEGER NOT NULL, remark TEXT NOT NULL, notify_url TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ACCEPTED', 'PROCESSING', 'WAIT_USER_CONFIRM',
        'TRANSFERING', 'SUCCESS', 'FAIL', 'CANCELING', 'CANCELLED')),
    fails TEXT NOT NULL, fail_reason TEXT NOT NULL, package_info TEXT NOT NULL,
    held INTEGER NOT NULL, step_seconds REAL NOT NULL, transfers_seconds REAL NOT NULL,
    created_at REAL NOT NULL, created_wall REAL NOT NULL, updated_at REAL NOT NULL,
    due_wall REAL, lapses_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS transfers_due ON transfers (due_wall) WHERE due_wall IS NOT NULL;
CREATE INDEX IF NOT EXISTS transfers_lapse ON transfers (lapses_at)
    WHERE state = 'WAIT_USER_CONFIRM';
CREATE TABLE IF NOT EXISTS bills (
    token TEXT PRIMARY KEY, file BLOB NOT NULL, until REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS platform_keys (
    serial TEXT PRIMARY KEY, private_pem TEXT NOT NULL, certificate_pem TEXT NOT NULL
) STRICT;
"""
COLUMNS = {
    "trades": {"reversed_at": "REAL"},
    "refunds": {
        "from_frozen": "INTEGER NOT NULL DEFAULT 0",
        "channel": "TEXT NOT NULL DEFAULT 'ORIGINAL'",
        "received": "TEXT NOT NULL DEFAULT '支付用户零钱'",
    },
}
"""Later than their table: files of older simulators get them when they are opened."""
