"""How a merchant's system gets in at the house's own API. Used through ``orders.doors``.

Keys are ``ApiKey`` rows, which the console makes by itself; callers do not sign here. What is
signed are the notices, as Standard Webhooks does it. Reads no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels import registry
from channels.base import Method
from orders import doors
from orders.dialects import STANDARD, Envelope
from orders.doors import Example, Field, Part, Place, sh
from orders.models import Application, DoorKey
from orders.selfcheck import Step

TITLE = gettext_lazy("Own API")
PATH = "/api/v1/"
NOTICES = STANDARD
CHECKS = False
PARTS: tuple[Part, ...] = ()
FIELDS: tuple[Field, ...] = ()
CONFIG: tuple[str, ...] = ()
SECRETS: tuple[str, ...] = ()
SHOWN: Mapping[str, tuple[Any, str]] = {}
CREDENTIALS: tuple[str, ...] = ()

LIST = """\
curl -sS {url} \\
  -H "Authorization: Bearer $ZF_API_KEY"
"""

CREATE = """\
curl -sS {url} \\
  -H "Authorization: Bearer $ZF_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{{"biz_order_no":"TRY-'"$(date +%s)-$$"'","title":"Longjing tea","amount":{amount},
       "channel":"{channel}","method":"native"}}'
"""

RECEIVER = """\
import base64, hashlib, hmac, http.server, os

SECRET = base64.b64decode(os.environ["ZF_WEBHOOK_SECRET"].removeprefix("whsec_"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = self.headers["webhook-id"] + "." + self.headers["webhook-timestamp"] + "."
        digest = hmac.digest(SECRET, head.encode() + body, hashlib.sha256)
        made = "v1," + base64.b64encode(digest).decode()
        given = self.headers["webhook-signature"].split()
        is_genuine = any(hmac.compare_digest(made, one) for one in given)
        print("genuine" if is_genuine else "forged", body.decode(), flush=True)
        self.send_response(200 if is_genuine else 400)
        self.end_headers()


http.server.HTTPServer(("", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
"""


def names(application: Application, given: Mapping[str, str]) -> dict[str, str]:
    return {}


def identity(application: Application, config: Mapping[str, str]) -> str:
    """The keys name the application; it has no other name here."""
    return application.app_id


def make(part: str) -> dict[str, str]:
    return {}


def examples(place: Place) -> list[Example]:
    url = f"{place.base_url}/api/v1/pay-orders"
    found = [
        Example(
            title=_("The last orders by curl"),
            language="bash",
            text=LIST.format(url=sh(f"{url}?limit=5")),
        )
    ]
    channel = next((code for code in place.channels if _has_qr_code(code)), "")
    if channel:
        found.append(
            Example(
                title=_("An order by curl"),
                language="bash",
                text=CREATE.format(url=sh(url), channel=channel, amount=_amount(channel)),
            )
        )
    found.append(
        Example(
            title=_("A receiver for notices that checks their signature (Python, nothing else)"),
            language="python",
            text=RECEIVER,
        )
    )
    return found


def _amount(channel: str) -> int:
    """Fen. The sandbox's amounts choose what happens, and this one can be paid; elsewhere it is
    real money, so it is the least there is."""
    return 12800 if channel == "sandbox" else 1


def _has_qr_code(channel: str) -> bool:
    return Method.NATIVE in registry.get(channel).capabilities.methods


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    """Nothing is signed."""
    return []


def explain(envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
    return doors.webhook_facts(envelope)
