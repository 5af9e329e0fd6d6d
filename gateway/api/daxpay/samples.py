"""The texts that a DaxPay merchant's programmer pastes. Used by ``onboarding`` only.

Each is complete and works against this installation; the private key is read from the environment.
They call the signed self-check, which moves nothing, and, where there is an account at WeChat Pay
or Alipay, place an order.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders.doors import Example, Place, here, literal, sh

SDK = """\
import os

from daxpay_open_sdk import Config, DaxPayClient

client = DaxPayClient(
    Config(
        service_url={base},
        mch_no={mch_no},
        app_id={app_id},
        private_key=os.environ["ZF_DAXPAY_KEY"],
        public_key=\"\"\"{public}\"\"\",
    )
)
print(client.ping())  # are we there?
print(client.execute("/unipay/ping", {{}}))  # signed: who are you, and is your signature right?
"""

CURL = """\
mch_no={mch_no} app_id={app_id}
req_id=$(openssl rand -hex 16) nonce=$(openssl rand -hex 16)
req_time=$(TZ=CST-8 date '+%Y-%m-%d %H:%M:%S')  # Beijing
text="appId=$app_id&mchNo=$mch_no&nonceStr=$nonce&reqId=$req_id&reqTime=$req_time"
sign=$(printf %s "$text" |
  openssl dgst -sha256 -sign <(printf '%s\\n' "$ZF_DAXPAY_KEY") | openssl base64 -A)
curl -sS {url} -H 'Content-Type: application/json; charset=utf-8' -d @- <<END
{{"mchNo":{mch_json},"appId":{app_json},"reqId":"$req_id","reqTime":"$req_time",
 "nonceStr":"$nonce","sign":"$sign"}}
END
"""

ORDER = """\
import base64, datetime, json, os, urllib.request, uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

beijing = datetime.timezone(datetime.timedelta(hours=8))
message = {{  # flat, so that flattening is easy
    "mchNo": {mch_no},
    "appId": {app_id},
    "reqId": str(uuid.uuid4()),
    "reqTime": datetime.datetime.now(beijing).strftime("%Y-%m-%d %H:%M:%S"),
    "nonceStr": uuid.uuid4().hex,
    "bizOrderNo": "TRY-" + uuid.uuid4().hex[:12],
    "title": "Longjing tea",
    "amount": 1,
    "method": {method},
}}
text = "&".join(f"{{name}}={{message[name]}}" for name in sorted(message))
key = serialization.load_pem_private_key(os.environ["ZF_DAXPAY_KEY"].encode(), None)
message["sign"] = base64.b64encode(key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()
request = urllib.request.Request(
    {url}, json.dumps(message).encode(), {{"Content-Type": "application/json"}}
)
print(urllib.request.urlopen(request).read().decode())
"""

OLDER = """\
import datetime, hashlib, hmac, json, os, urllib.request, uuid

secret = os.environ["ZF_DAXPAY_G3_SECRET"]
beijing = datetime.timezone(datetime.timedelta(hours=8))
message = {{  # G3: yuan, and one secret for both sides
    "mchNo": {mch_no},
    "appId": {app_id},
    "reqTime": datetime.datetime.now(beijing).strftime("%Y-%m-%d %H:%M:%S"),
    "bizOrderNo": "TRY-" + uuid.uuid4().hex[:12],
    "title": "Longjing tea",
    "amount": 0.01,
    "channel": {channel},
    "method": "qrcode",
}}
text = "&".join(f"{{name}}={{message[name]}}" for name in sorted(message)) + f"&key={{secret}}"
message["sign"] = hmac.new(secret.encode(), text.upper().encode(), hashlib.sha256).hexdigest()
request = urllib.request.Request(
    {url}, json.dumps(message).encode(), {{"Content-Type": "application/json"}}
)
print(urllib.request.urlopen(request).read().decode())
"""

METHODS = {"wechat": "wechat_qr", "alipay": "alipay_qr"}
OLDER_CHANNELS = {"wechat": "wechat_pay", "alipay": "ali_pay"}


def examples(place: Place) -> list[Example]:
    mch_no, app_id = place.application.merchant.mch_no, place.application.app_id
    public = place.key.config.get("platform_public_key_pem", "") if place.key else ""
    found = [
        Example(
            title=_("The SDK's own initialisation (Python) and the signed self-check"),
            language="python",
            needs="pip install git+https://github.com/opendaxpay/dax-pay-sdk-python",
            text=SDK.format(
                base=literal(place.base_url),
                mch_no=literal(mch_no),
                app_id=literal(app_id),
                public=public,
            ),
        ),
        Example(
            title=_("The signed self-check by curl and openssl"),
            language="bash",
            text=CURL.format(
                url=sh(f"{place.base_url}/unipay/ping"),
                mch_no=sh(mch_no),
                app_id=sh(app_id),
                mch_json=here(mch_no),
                app_json=here(app_id),
            ),
        ),
    ]
    channel = next((code for code in place.channels if code in METHODS), "")
    if channel:
        names = {
            "url": literal(f"{place.base_url}/unipay/pay"),
            "mch_no": literal(mch_no),
            "app_id": literal(app_id),
        }
        found += _orders(channel, names)
    return found


def _orders(channel: str, names: dict[str, str]) -> list[Example]:
    """Of one fen, which is real money where the account is."""
    return [
        Example(
            title=_("An order, signed without an SDK"),
            language="python",
            needs="pip install cryptography",
            text=ORDER.format(method=literal(METHODS[channel]), **names),
        ),
        Example(
            title=_("The same by the third generation (G3)"),
            language="python",
            text=OLDER.format(channel=literal(OLDER_CHANNELS[channel]), **names),
        ),
    ]
