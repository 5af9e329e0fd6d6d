"""Finding the signed node of an answer by its place in the source, whatever stands around it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.alipay.answers import BadAnswer, open_envelope, top_level

METHOD, NODE = "alipay.trade.query", "alipay_trade_query_response"

NASTY = st.one_of(
    st.text(),
    st.text(alphabet='{}[]"\\,:/ \n\u2028\x7f\ud7ff\U0001f600签sign'),
    st.sampled_from(['"},"sign":"x', f'{{"{NODE}":{{}}}}', "\\", '\\"', '{"a":"}"}', "]}"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | NASTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
SPACE = st.text(alphabet=" \t\r\n", max_size=3)
STYLES = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 2])}
)


def dumped(value: Any, style: dict[str, Any]) -> str:
    text = json.dumps(value, **style)
    return text.replace("/", "\\/") if style["ensure_ascii"] else text


@settings(deadline=None, max_examples=300)
@given(
    node=st.dictionaries(NASTY, VALUES, max_size=4),
    others=st.dictionaries(
        NASTY.filter(lambda name: name not in (NODE, "error_response", "sign", "alipay_cert_sn")),
        VALUES,
        max_size=3,
    ),
    style=STYLES,
    space=SPACE,
    at=st.integers(0, 4),
)
def test_node_is_found_byte_for_byte(
    node: dict[str, Any], others: dict[str, Any], style: dict[str, Any], space: str, at: int
) -> None:
    source = dumped(node, style)
    members = [(name, dumped(value, style)) for name, value in others.items()]
    members.insert(at, (NODE, source))
    members.insert(at, ("sign", '"c2ln"'))
    members.insert(0, ("alipay_cert_sn", '"abc"'))
    body = (
        f"{space}{{"
        + ",".join(f"{space}{json.dumps(name)}{space}:{space}{text}" for name, text in members)
        + f"{space}}}{space}"
    )
    found = open_envelope(body.encode(), METHOD)
    assert found.signed == source
    assert found.signed.encode() in body.encode()
    assert (found.signature, found.cert_sn) == ("c2ln", "abc")


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='{}[]":,\\ab1 \n'))
def test_anything_else_is_refused_and_never_crashes(text: str) -> None:
    try:
        members = top_level(text)
    except ValueError:
        return
    parsed = json.loads(text)
    assert {name: value for name, (value, _, _) in members.items()}.keys() == parsed.keys()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"}",
        b"{}",
        b"[]",
        b"null",
        b"<html>502</html>",
        b"\xff\xfe",
        "\ufeff{}".encode(),
        b'{"a":1}',
        b'{"a":1,}',
        b'{"a" 1}',
        b"{a:1}",
        b'{"alipay_trade_query_response":{}',
        b'{"alipay_trade_query_response":{}}x',
        b'{"alipay_trade_query_response":{}}{}',
        b'{"alipay_trade_query_response":{},"alipay_trade_query_response":{}}',
        b'{"alipay_trade_query_response":{},"sign":"a","sign":"b"}',
        b'{"alipay_trade_query_response":{},"error_response":{}}',
        b'{"alipay_trade_query_response":{"a":NaN}}',
        b'{"alipay_trade_query_response":{"a":-Infinity}}',
        b'{"alipay_trade_close_response":{"code":"10000"}}',
        b'{"alipay_trade_query_response":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xa0{}",
    ],
)
def test_body_without_exactly_one_node_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        open_envelope(body, METHOD)
    assert caught.value.code == "BAD_BODY"


def test_numbers_keep_their_text() -> None:
    body = f'{{"{NODE}":{{"a":88.10,"b":1e3,"c":{"9" * 5000},"d":true}}}}'
    node = open_envelope(body.encode(), METHOD).node
    assert node == {"a": "88.10", "b": "1e3", "c": "9" * 5000, "d": True}


def test_error_response_stands_in_for_the_node() -> None:
    body = b'{"error_response":{"code":"40002"},"sign":"x"}'
    found = open_envelope(body, METHOD)
    assert (found.node, found.signed) == ({"code": "40002"}, '{"code":"40002"}')


def test_signature_that_is_no_text_is_none() -> None:
    body = f'{{"{NODE}":{{}},"sign":{{"a":1}},"alipay_cert_sn":null}}'
    found = open_envelope(body.encode(), METHOD)
    assert (found.signature, found.cert_sn) == ("", "")
