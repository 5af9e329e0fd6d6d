"""The texts that a programmer at 开个店's door pastes. Used by ``onboarding`` only.

Each is complete and works against this installation; key and token are read from the environment.
They ask for the last hour's store orders, which changes nothing.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders.doors import Example, Place, here, literal, sh

PYTHON = """\
import base64, json, os, time, urllib.request, uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

now = int(time.time() * 1000)
wanted = {{"storeId": "10001", "startTimestamp": now - 3600000, "endTimestamp": now, "count": 20}}
envelope = {{
    "ver": "1",
    "partnerId": {partner_id},
    "appId": {app_id},
    "requestBody": json.dumps(wanted),  # a text, and signed as it stands
}}
text = "&".join(f"{{name}}={{envelope[name]}}" for name in sorted(envelope))
key = serialization.load_pem_private_key(os.environ["ZF_KAIGEDIAN_KEY"].encode(), None)
envelope["sign"] = base64.b64encode(key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()
headers = {{
    "Content-Type": "application/json;charset=utf-8",
    "access-token": os.environ["ZF_KAIGEDIAN_TOKEN"],  # access_token, where no proxy drops it
    "x-transaction-id": str(uuid.uuid4()),
}}
request = urllib.request.Request({url}, json.dumps(envelope).encode(), headers)
answer = json.load(urllib.request.urlopen(request))

ours = serialization.load_pem_public_key(b\"\"\"{public}\"\"\")
signed = {{name: value for name, value in answer.items() if name != "sign" and value != ""}}
if isinstance(answer["responseBody"], str):  # an object is signed as the characters that were sent
    text = "&".join(f"{{name}}={{signed[name]}}" for name in sorted(signed))
    ours.verify(base64.b64decode(answer["sign"]), text.encode(), PKCS1v15(), hashes.SHA256())
print(answer["statusCode"], answer["message"], answer["responseBody"])
"""

CURL = """\
now=$(date +%s)000
partner_id={partner_id} app_id={app_id}
body='{{"storeId":"10001","startTimestamp":'$((now - 3600000))',"endTimestamp":'$now',"count":20}}'
text="appId=$app_id&partnerId=$partner_id&requestBody=$body&ver=1"
sign=$(printf %s "$text" |
  openssl dgst -sha256 -sign <(printf '%s\\n' "$ZF_KAIGEDIAN_KEY") | openssl base64 -A)
curl -sS {url} -H 'Content-Type: application/json;charset=utf-8' \\
  -H "access-token: $ZF_KAIGEDIAN_TOKEN" -H "x-transaction-id: $(openssl rand -hex 16)" -d @- <<END
{{"ver":"1","partnerId":{partner_json},"appId":{app_json},
 "requestBody":"${{body//\\"/\\\\\\"}}","sign":"$sign"}}
END
"""


def examples(place: Place) -> list[Example]:
    config = place.key.config if place.key is not None else {}
    partner_id, app_id = config.get("partner_id", ""), config.get("app_id", "")
    url = f"{place.base_url}/order/batchQuery"
    return [
        Example(
            title=_("The last hour's orders, signed and verified (Python)"),
            language="python",
            needs="pip install cryptography",
            text=PYTHON.format(
                url=literal(url),
                partner_id=literal(partner_id),
                app_id=literal(app_id),
                public=config.get("platform_public_key_pem", ""),
            ),
        ),
        Example(
            title=_("The same by curl and openssl"),
            language="bash",
            text=CURL.format(
                url=sh(url),
                partner_id=sh(partner_id),
                app_id=sh(app_id),
                partner_json=here(partner_id),
                app_json=here(app_id),
            ),
        ),
    ]
