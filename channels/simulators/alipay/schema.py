"""The tables of a simulated Alipay. Times are seconds: ``_at`` by its calendar (which a fault may
shift), ``_wall`` by the real clock (waits are counted on it). Sums are fen.
"""

TABLES = """
CREATE TABLE IF NOT EXISTS trades (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_trade_no TEXT NOT NULL UNIQUE,
    trade_no TEXT UNIQUE,
    method TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, store_id TEXT NOT NULL,
    passback TEXT NOT NULL, total INTEGER NOT NULL, parameters TEXT NOT NULL,
    notify_url TEXT NOT NULL, return_url TEXT NOT NULL, quit_url TEXT NOT NULL,
    sign_type TEXT NOT NULL, certificates INTEGER NOT NULL, buyer_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN
        ('NOT_CREATED', 'WAIT_BUYER_PAY', 'TRADE_SUCCESS', 'TRADE_FINISHED', 'TRADE_CLOSED')),
    token TEXT NOT NULL UNIQUE, token_until REAL NOT NULL,
    asked_at REAL NOT NULL, asked_wall REAL NOT NULL, expires_at REAL NOT NULL,
    pays_wall REAL,
    created_at REAL, paid INTEGER, paid_at REAL, paid_wall REAL, closed_at REAL,
    freezes INTEGER NOT NULL, frozen INTEGER NOT NULL CHECK (frozen >= 0),
    refunded INTEGER NOT NULL DEFAULT 0,
    CHECK ((status = 'NOT_CREATED') = (trade_no IS NULL)),
    CHECK (refunded <= coalesce(paid, 0))
) STRICT;
CREATE INDEX IF NOT EXISTS trades_open ON trades (expires_at) WHERE status = 'WAIT_BUYER_PAY';
CREATE INDEX IF NOT EXISTS trades_payers ON trades (pays_wall) WHERE status = 'WAIT_BUYER_PAY';
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_request_no TEXT NOT NULL,
    out_trade_no TEXT NOT NULL REFERENCES trades (out_trade_no),
    refund_id TEXT NOT NULL UNIQUE,
    amount INTEGER NOT NULL, reason TEXT NOT NULL, royalty TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL')),
    created_at REAL NOT NULL, created_wall REAL NOT NULL, due_wall REAL NOT NULL,
    finished_at REAL,
    UNIQUE (out_trade_no, out_request_no)
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (due_wall) WHERE status = 'PROCESSING';
CREATE TABLE IF NOT EXISTS relations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, memo TEXT NOT NULL,
    UNIQUE (type, account)
) STRICT;
CREATE TABLE IF NOT EXISTS settles (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    settle_no TEXT NOT NULL UNIQUE,
    out_request_no TEXT NOT NULL, trade_no TEXT NOT NULL REFERENCES trades (trade_no),
    parameters TEXT NOT NULL, mode TEXT NOT NULL, finishes INTEGER NOT NULL, at REAL NOT NULL,
    wall REAL NOT NULL,
    UNIQUE (trade_no, out_request_no)
) STRICT;
CREATE TABLE IF NOT EXISTS shares (
    detail_id TEXT PRIMARY KEY,
    settle_no TEXT NOT NULL REFERENCES settles (settle_no), trade_no TEXT NOT NULL,
    royalty_type TEXT NOT NULL, type TEXT NOT NULL, account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    returned INTEGER NOT NULL DEFAULT 0 CHECK (returned <= amount),
    state TEXT NOT NULL CHECK (state IN ('SUCCESS', 'FAIL', 'PROCESSING')),
    error_code TEXT NOT NULL, error_desc TEXT NOT NULL,
    due_wall REAL NOT NULL, executed_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS shares_trade ON shares (trade_no);
CREATE INDEX IF NOT EXISTS shares_due ON shares (due_wall) WHERE state = 'PROCESSING';
CREATE TABLE IF NOT EXISTS transfers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    out_biz_no TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL UNIQUE, pay_fund_order_id TEXT NOT NULL,
    product_code TEXT NOT NULL, parameters TEXT NOT NULL, payee TEXT NOT NULL, title TEXT NOT NULL,
    amount INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('DEALING', 'SUCCESS', 'FAIL', 'REFUND')),
    becomes TEXT NOT NULL, due_wall REAL,
    created_at REAL NOT NULL, created_wall REAL NOT NULL, finished_at REAL,
    error_code TEXT NOT NULL, fail_reason TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS transfers_due ON transfers (due_wall);
CREATE TABLE IF NOT EXISTS bill_links (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, day TEXT NOT NULL, until REAL NOT NULL
) STRICT;
"""
