"""The switches with which a simulator is told to misbehave; read by ``core.simulator``.

A document such as ``{"refund": {"fault": "drop_after", "times": 1}}`` replaces the whole set.
It only decides *what* goes wrong; it never touches a socket or an order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WIRE = "*"
"""In a document: every operation of the wire (not the callbacks)."""

WIRE_FAULTS: Mapping[str, tuple[str, str]] = {
    "stall": ("stall before the request is looked at (ms)", "处理前停顿 (ms)"),
    "drop_before": ("cut the connection, nothing done", "未处理即断线"),
    "error_before": ("500, nothing done", "未处理即返回 500"),
    "rate_limited": ("429, nothing done", "429 频率限制，未处理"),
    "accepted": ("202, nothing done", "202 已接受，未处理"),
    "drop_after": ("done, then cut the connection", "已处理，应答丢失"),
    "error_after": ("done, then 500", "已处理，返回 500"),
    "rate_limited_after": ("done, then 429", "已处理，返回 429"),
    "accepted_after": ("done, then 202", "已处理，返回 202"),
    "slow": ("done, answer late (ms)", "已处理，应答缓慢 (ms)"),
    "truncated": ("done, half of the answer", "已处理，应答被截断"),
    "not_json": ("done, the answer is a web page", "已处理，应答不是 JSON"),
    "bad_signature": ("done, answer badly signed", "应答签名错误"),
    "signtest": ("done, answer carries a probe signature", "应答为签名探测"),
    "unsigned": ("done, answer without signature", "应答无签名"),
    "stale": ("done, answer dated ten minutes ago", "应答时间戳过期"),
    "wrong_serial": ("done, answer names an unknown key", "应答序列号未知"),
}
CALLBACK_FAULTS: Mapping[str, tuple[str, str]] = {
    "off": ("never sent", "不发送通知"),
    "delay": ("first sent late (ms)", "延迟通知 (ms)"),
    "duplicate": ("sent n times at once", "并发重复通知 (n)"),
    "early": ("sent before the request's own answer", "先于接口应答到达"),
    "out_of_order": ("held back until a later one was sent", "乱序到达"),
    "forged": ("preceded by a forgery", "先发伪造通知"),
    "bad_signature": ("first try badly signed", "首次签名错误"),
    "signtest": ("first try is a signature probe", "首次为签名探测"),
    "unsigned": ("first try without signature", "首次无签名"),
    "stale": ("first try dated ten minutes ago", "首次时间戳过期"),
    "wrong_serial": ("first try names an unknown key", "首次序列号未知"),
    "wrong_amount": ("reports amount + delta", "金额不符 (delta)"),
}
TAMPERS = ("bad_signature", "signtest", "unsigned", "stale", "wrong_serial", "rotated")
"""What ``seal`` may be told to do to a signature. ``rotated`` (signed with a new key) exists only
where a provider has it in ``common_faults``."""

NUMBERS: Mapping[str, tuple[int, int, int]] = {
    "times": (0, 1, 1_000_000),  # smallest and largest; 0 stands for "not given"
    "ms": (1000, 0, 600_000),
    "seconds": (10, 0, 86_400),
    "n": (2, 2, 50),
    "delta": (1, -1_000_000_000, 1_000_000_000),
}
"""Member: what it is when not given, smallest, largest."""


class FaultError(ValueError):
    """The document names something that this simulator does not have."""


@dataclass(kw_only=True)
class Rule:
    op: str
    fault: str
    match: str
    times: int
    ms: int
    seconds: int
    n: int
    delta: int
    given: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """As it was given, with the count that is left."""
        return {"fault": self.fault} | {name: getattr(self, name) for name in self.given}


class Plan:
    """What goes wrong with one request or one callback."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = {rule.fault: rule for rule in rules}

    def __contains__(self, fault: str) -> bool:
        return fault in self._rules

    def get(self, fault: str) -> Rule | None:
        return self._rules.get(fault)

    @property
    def rules(self) -> list[Rule]:
        return list(self._rules.values())

    @property
    def tamper(self) -> str:
        """How the signature is spoilt; empty for not at all."""
        return next((name for name in TAMPERS if name in self._rules), "")


class Faults:
    """The set in force. Thread-safe; counts ``times`` down."""

    def __init__(self, catalogue: Mapping[str, Mapping[str, tuple[str, str]]]) -> None:
        self.catalogue = catalogue
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def replace(self, document: object) -> None:
        """Put a whole new set in force; an unreadable document changes nothing."""
        if not isinstance(document, dict):
            raise FaultError("faults must be a JSON object of operation -> fault")
        rules = []
        for op, given in document.items():
            for one in given if isinstance(given, list) else [given]:
                rules.append(self._read(op, one))
        with self._lock:
            self._rules = rules

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        with self._lock:
            document: dict[str, list[dict[str, Any]]] = {}
            for rule in self._rules:
                document.setdefault(rule.op, []).append(rule.describe())
            return document

    def plan(self, ops: Iterable[str], numbers: Iterable[str]) -> Plan:
        """The faults that hit this one, each counted as used."""
        with self._lock:
            hit = self._hits(tuple(ops), tuple(numbers))
            for rule in hit:
                if rule.times:
                    rule.times -= 1
                    if not rule.times:
                        self._rules = [other for other in self._rules if other is not rule]
        return Plan(hit)

    def peek(self, ops: Iterable[str], numbers: Iterable[str]) -> Plan:
        """As ``plan``, without counting."""
        with self._lock:
            return Plan(self._hits(tuple(ops), tuple(numbers)))

    def _hits(self, ops: tuple[str, ...], numbers: tuple[str, ...]) -> list[Rule]:
        hits: dict[str, Rule] = {}
        for rule in self._rules:
            matches = not rule.match or any(rule.match in number for number in numbers)
            if rule.op in ops and matches:
                hits.setdefault(rule.fault, rule)
        return list(hits.values())

    def _read(self, op: str, given: object) -> Rule:
        if op not in self.catalogue:
            raise FaultError(f"unknown operation {op!r}; known: {', '.join(self.catalogue)}")
        if isinstance(given, str):
            given = {"fault": given}
        if not isinstance(given, dict):
            raise FaultError(f"{op}: a fault is a name or an object with the member 'fault'")
        fault = given.get("fault")
        if not isinstance(fault, str) or fault not in self.catalogue[op]:
            known = ", ".join(self.catalogue[op])
            raise FaultError(f"{op}: unknown fault {fault!r}; known: {known}")
        members = {name: value for name, value in given.items() if name != "fault"}
        return Rule(op=op, fault=fault, given=tuple(members), **_numbers(op, members))


def _numbers(op: str, members: Mapping[str, Any]) -> dict[str, Any]:
    match = members.get("match", "")
    if not isinstance(match, str):
        raise FaultError(f"{op}: match must be a string")
    unknown = [name for name in members if name not in NUMBERS and name != "match"]
    if unknown:
        known = ", ".join(["fault", "match", *NUMBERS])
        raise FaultError(f"{op}: unknown member {unknown[0]!r}; known: {known}")
    values: dict[str, Any] = {"match": match}
    for name, (default, smallest, largest) in NUMBERS.items():
        value = members.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise FaultError(f"{op}: {name} must be an integer")
        if name in members and not smallest <= value <= largest:
            raise FaultError(f"{op}: {name} must be {smallest} to {largest}")
        values[name] = value
    return values
