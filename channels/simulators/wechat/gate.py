"""What WeChat Pay checks before it reads a request: headers, time, serial, signature.

Called by ``simulator`` for every request of the wire. The order and the wording of the refusals
follow the official list of SIGN_ERROR messages and the answers that unauthenticated probes got.
"""

from __future__ import annotations

import re

from channels.simulators.core.web import Request
from channels.simulators.wechat.errors import ApiError, invalid, sign_error
from channels.simulators.wechat.keys import SIGNATURE_TYPE, Keys

PAIR = re.compile(r'([a-z_]+)="([^"]*)"')
NAMES = {"mchid", "nonce_str", "timestamp", "serial_no", "signature"}
SKEW = 300
"""Seconds; checked before the signature."""

MALFORMED = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
NO_SIGNATURE = "签名信息错误，验签失败"
WRONG_TYPE = "HTTP头Authorization认证类型不正确"
WRONG_TIME = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
WRONG_SERIAL = "商户证书序列号有误。请使用签名私钥匹配的证书序列号"
WRONG_SIGNATURE = "签名错误"
NO_CERTIFICATE = "商户未申请过证书。"
NO_AGENT = "Http头缺少Accept或User-Agent"


def read_authorization(request: Request) -> dict[str, str]:
    """The five values; the grammar is one scheme, one space, five pairs, commas without spaces."""
    value = request.header("authorization")
    scheme, _, rest = value.partition(" ")
    if not value or scheme == "Bearer":
        on_pay = request.path.startswith("/v3/pay/")
        raise sign_error(NO_SIGNATURE if on_pay else MALFORMED)
    if scheme != SIGNATURE_TYPE:
        raise sign_error(WRONG_TYPE)
    pairs = [PAIR.fullmatch(piece) for piece in rest.split(",")]
    values = {pair[1]: pair[2] for pair in pairs if pair}
    if None in pairs or len(pairs) != len(NAMES) or values.keys() != NAMES:
        raise sign_error(MALFORMED)
    if not re.fullmatch(r"[0-9A-Za-z]{1,32}", values["nonce_str"]):
        raise sign_error(MALFORMED)
    if not re.fullmatch(r"[0-9]{1,12}", values["timestamp"]):
        raise sign_error(MALFORMED)
    return values


def check_headers(request: Request) -> None:
    accept = request.header("accept")
    admits_json = any(kind in accept for kind in ("application/json", "*/*"))
    if not request.header("user-agent") or not admits_json:
        raise invalid(NO_AGENT)
    content_type = request.header("content-type").partition(";")[0].strip().lower()
    if request.body and content_type != "application/json":
        raise ApiError(400, "PARAM_ERROR", "Http头Content-Type必须为application/json")


def authenticate(request: Request, *, keys: Keys, mchid: str, now: float) -> str:
    """The merchant number that signed this request. Raises ApiError."""
    check_headers(request)
    values = read_authorization(request)
    if abs(now - int(values["timestamp"])) > SKEW:
        raise sign_error(WRONG_TIME)
    if values["mchid"] != mchid:
        raise sign_error(NO_CERTIFICATE)
    if values["serial_no"] != keys.merchant_serial:
        raise sign_error(WRONG_SERIAL)
    lines = (request.method, request.target, values["timestamp"], values["nonce_str"])
    message = "".join(f"{line}\n" for line in lines).encode("latin-1") + request.body + b"\n"
    if not keys.merchant_signed(message, values["signature"]):
        raise sign_error(WRONG_SIGNATURE)
    return values["mchid"]
