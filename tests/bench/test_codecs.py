"""No speed is judged here; only that each line of the table does what it says."""

from __future__ import annotations

from typing import Any

from bench import codecs
from channels.base import CallbackFact, Outcome, PayState, Request, Result


def test_every_codec_is_measured_on_what_its_provider_really_said():
    done: dict[str, Any] = {name: work() for name, work in codecs.works()}
    assert len(done) == 3 * (2 * 4 + 2) + 2
    for name, outcome in done.items():
        code, _, what = name.partition(": ")
        if what.endswith("encode and sign"):
            assert isinstance(outcome, Request), name
        elif what.endswith("verify and read"):
            assert isinstance(outcome, Result), name
            assert outcome.outcome in (Outcome.DONE, Outcome.PENDING), name
        elif what == "notification, verify (web)":
            assert isinstance(outcome, str) and outcome, name
        elif what == "notification, open (worker)":
            assert isinstance(outcome, CallbackFact), name
            assert (outcome.kind, outcome.result.state) == ("pay", PayState.PAID), name
        else:
            assert code == "sandbox" and outcome[0].outcome is Outcome.DONE, name
    queried = [done[f"{code}: query, verify and read"] for code in codecs.SIMULATORS]
    assert [result.state for result in queried] == [PayState.PAID] * 3
    assert [result.amount for result in queried] == [codecs.AMOUNT] * 3


def test_the_yardstick_is_a_signature_of_2048_bits():
    sign = codecs.signature()
    assert len(sign()) == 2048 // 8
