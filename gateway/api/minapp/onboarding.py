"""How a merchant's system gets in at 知晓云's door. Used through ``orders.doors`` by the console
and the demo house. Callers do not sign here: a client id and a token are all. Reads no order.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import doors
from orders.dialects import Envelope
from orders.doors import Example, Field, Part, Place, literal, sh
from orders.models import Application, DoorKey
from orders.selfcheck import Step

TITLE = "知晓云"
PATH = "/hserve/"
NOTICES = "minapp"
CHECKS = False
PARTS = (
    Part(
        code="token",
        title=gettext_lazy("access token"),
        effect=gettext_lazy("The old token is refused from now on."),
    ),
)
FIELDS = (
    Field(
        name="client_id",
        title=gettext_lazy("client id"),
        help=gettext_lazy("The one that the merchant's programs have already; empty makes one."),
        is_fixed=True,
    ),
)
CONFIG: tuple[str, ...] = ()
SECRETS = ("token",)
SHOWN = {"token": (gettext_lazy("access token"), "ZF_MINAPP_TOKEN")}
CREDENTIALS = ("client_id", "token")

CURL = """\
curl -sS {url} \\
  -H {client} \\
  -H "Authorization: Hydrogen-r1 $ZF_MINAPP_TOKEN"
"""

SDK = """\
// In a page or a mini program the SDK finds all this by itself: begin at init there.
global.window = global.self = global;
global.addEventListener = () => {{}};
global.document = {{}};
global.location = {{}};
Object.defineProperty(global, "navigator", {{ value: {{ product: "NativeScript" }} }});
global.XMLHttpRequest = require("xhr2");
const kept = {{}};
global.localStorage = {{
  getItem: (name) => kept[name] ?? null,
  setItem: (name, value) => (kept[name] = value),
}};
const BaaS = require("minapp-sdk/lib/web.js");

BaaS.init({client_id}, {{ host: {base} }});
BaaS.storage.set("auth_token", process.env.ZF_MINAPP_TOKEN);
new BaaS.Order()
  .limit(5)
  .getOrderList({{ status: "success" }})
  .then((answer) => console.log(answer.status, JSON.stringify(answer.data)))
  .catch((error) => {{
    console.error(String(error));
    process.exitCode = 1;
  }});
"""


def names(application: Application, given: Mapping[str, str]) -> dict[str, str]:
    return {"client_id": given.get("client_id") or secrets.token_hex(10)}


def identity(application: Application, config: Mapping[str, str]) -> str:
    """The client id."""
    return config["client_id"]


def make(part: str) -> dict[str, str]:
    return {"token": secrets.token_hex(20)}


def examples(place: Place) -> list[Example]:
    client_id = place.key.identity if place.key is not None else ""
    return [
        Example(
            title=_("The SDK's own initialisation (minapp-sdk) and a list of orders"),
            language="javascript",
            needs="npm install minapp-sdk xhr2",
            text=SDK.format(client_id=literal(client_id), base=literal(place.base_url)),
        ),
        Example(
            title=_("A list of orders by curl"),
            language="bash",
            text=CURL.format(
                url=sh(f"{place.base_url}/hserve/v2.2/idp/pay/order/?limit=5"),
                client=sh(f"X-Hydrogen-Client-ID: {client_id}"),
            ),
        ),
    ]


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    """Nothing is signed."""
    return []


def explain(envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
    return doors.webhook_facts(envelope)
