"""Triggers: what the tables themselves refuse, whoever writes to them (DESIGN law 9).

Events, ledger entries and notice attempts never change; a call or a callback never changes after
it ended; a terminal order status is left only by the audited decisions of an anomaly or by the
sync of a failed refund. TRUNCATE is left to the tests.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION orders_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""

ENDED = """
CREATE FUNCTION orders_refuse_after_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'ended' THEN
        RAISE EXCEPTION 'row % of % has ended and does not change', OLD.id, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

EDGES = """
CREATE FUNCTION orders_check_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status
       AND NOT (OLD.status || '>' || NEW.status = ANY (TG_ARGV)) THEN
        RAISE EXCEPTION 'no edge from % to % in %', OLD.status, NEW.status, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""

APPEND_ONLY = ("orders_event", "orders_ledgerentry", "orders_noticeattempt")
ENDS_ONCE = ("orders_channelcall", "orders_channelcallback")
KEPT = ("orders_payorder", "orders_refundorder", "orders_anomaly", "orders_merchantnotice")
STATE_EDGES = {
    "orders_payorder": [
        "wait>progress",
        "wait>success",
        "wait>close",
        "wait>cancel",
        "wait>fail",
        "progress>success",
        "progress>close",
        "progress>cancel",
        "progress>fail",
        "close>success",
        "cancel>success",
        "fail>success",
    ],
    "orders_refundorder": [
        "progress>success",
        "progress>fail",
        "progress>close",
        "fail>progress",
        "fail>success",
        "fail>close",
    ],
    "orders_anomaly": ["open>confirmed", "open>refunded", "open>ignored"],
}


def triggers() -> list[tuple[str, str]]:
    """(create, drop) of every trigger."""
    made = []

    def add(name: str, table: str, when: str, call: str) -> None:
        made.append(
            (
                f"CREATE TRIGGER {name} BEFORE {when} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {call};",
                f"DROP TRIGGER {name} ON {table};",
            )
        )

    for table in APPEND_ONLY:
        add("append_only", table, "UPDATE OR DELETE", "orders_refuse()")
    for table in ENDS_ONCE:
        add("ends_once", table, "UPDATE", "orders_refuse_after_end()")
        add("kept", table, "DELETE", "orders_refuse()")
    for table in KEPT:
        add("kept", table, "DELETE", "orders_refuse()")
    for table, edges in STATE_EDGES.items():
        arguments = ", ".join(f"'{edge}'" for edge in edges)
        add("edges", table, "UPDATE OF status", f"orders_check_edge({arguments})")
    return made


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION orders_refuse();"),
        migrations.RunSQL(ENDED, "DROP FUNCTION orders_refuse_after_end();"),
        migrations.RunSQL(EDGES, "DROP FUNCTION orders_check_edge();"),
        *(migrations.RunSQL(create, drop) for create, drop in triggers()),
    ]
