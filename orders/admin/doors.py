"""The doors of one application: keys, examples, the self-check, a signed sample, a notice to try.

Mixed into the application's pages (``orders.admin.merchants``). What a door is comes from
``orders.doors``. A secret is in the one answer that makes it; nothing here moves an order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from orders import doors
from orders.admin import door_facts
from orders.admin.forms import ConsoleForm
from orders.admin.operations import actor_of, page_of
from orders.doors import API, Door, Kind, Value
from orders.errors import OrderError
from orders.models import Application, DoorKey
from orders.secrets import SecretUnreadable
from orders.services import notices

CHECKED_MOST = 65_536
"""Characters of a pasted body or text that are looked at."""
AREA = {"rows": 6, "spellcheck": "false", "autocomplete": "off"}


class DoorForm(ConsoleForm):
    """What a person may fill in at a door; the fields are the door's own."""

    application = None

    def __init__(self, *args: Any, door: Door, row: DoorKey | None, **kwargs: Any) -> None:
        shown = [one for one in door.FIELDS if row is None or not one.is_fixed]
        self.more_fields = {one.name: form_field(one, row) for one in shown}
        fixed = tuple(one.name for one in shown if one.is_fixed)
        self.half = fixed if len(fixed) > 1 else ()
        super().__init__(*args, **kwargs)

    def given(self) -> dict[str, str]:
        """As ``orders.doors`` takes it."""
        return {
            name: value if isinstance(value, str) else "1" if value else ""
            for name, value in self.cleaned_data.items()
        }


def form_field(one: doors.Field, row: DoorKey | None) -> forms.Field:
    stored = "" if row is None else row.config.get(one.name, "")
    common: dict[str, Any] = {"label": one.title, "help_text": one.help, "required": False}
    if one.kind == Kind.FLAG:
        return forms.BooleanField(initial=bool(stored), **common)
    if one.kind == Kind.PUBLIC_KEY:
        if mark := doors.key_fingerprint(stored):
            common["help_text"] = _(
                "Stored, fingerprint %(mark)s; leave empty to keep it. Any spelling will do."
            ) % {"mark": mark}
        return forms.CharField(widget=forms.Textarea(attrs=AREA), **common)
    if one.kind == Kind.CHOICE:
        return forms.ChoiceField(initial=stored, choices=list(one.choices), **common)
    return forms.CharField(initial=stored, **common)


class CheckForm(ConsoleForm):
    application = None
    body = forms.CharField(
        label=gettext_lazy("Body of the request"),
        widget=forms.Textarea(attrs={**AREA, "rows": 8}),
        max_length=CHECKED_MOST,
        strip=False,
    )
    text = forms.CharField(
        label=gettext_lazy("The text that you signed (if you like)"),
        widget=forms.Textarea(attrs={**AREA, "rows": 3}),
        max_length=CHECKED_MOST,
        required=False,
        strip=False,
    )


class DoorPages:
    """Pages and buttons under ``/admin/orders/application/<pk>/doors/``."""

    admin_site: Any
    opts: Any
    has_view_permission: Callable[..., bool]
    has_change_permission: Callable[..., bool]
    log_change: Callable[..., Any]
    message_user: Callable[..., None]

    def door_urls(self) -> list[URLPattern]:
        views: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<slug:code>/", "door", self.door_view),
            ("<slug:code>/issue/", "door_issue", self.issue_view),
            ("<slug:code>/rotate/<slug:part>/", "door_rotate", self.rotate_door_view),
            ("<slug:code>/switch/", "door_switch", self.switch_view),
            ("<slug:code>/check/", "door_check", self.check_view),
            ("<slug:code>/sample/", "door_sample", self.sample_view),
        ]
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/try/", wrap(self.try_view), name="orders_application_try"),
            *(
                path(f"<int:pk>/doors/{at}", wrap(view), name=f"orders_application_{name}")
                for at, name, view in views
            ),
        ]

    # --- what every view begins with -----------------------------------------------------------

    def _find(
        self, request: HttpRequest, pk: int, code: str, *, to_change: bool
    ) -> tuple[Application, Door, DoorKey | None]:
        """Raises Http404, PermissionDenied."""
        row = Application.objects.select_related("merchant").filter(pk=pk).first()
        if row is None or code not in doors.codes():
            raise Http404
        allowed = self.has_change_permission if to_change else self.has_view_permission
        if not allowed(request, row):
            raise PermissionDenied
        return row, doors.get(code), door_facts.key_of(row, code)

    def _back(self, row: Application, code: str) -> Redirect:
        return Redirect(door_facts.door_url("door", row, code))

    # --- views ---------------------------------------------------------------------------------

    def door_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """GET: the door's page. POST: what a person filled in."""
        is_post = request.method == "POST"
        row, door, key = self._find(request, pk, code, to_change=is_post)
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        if not is_post:
            return self._page(request, row, code)
        if key is None:
            raise Http404
        form = DoorForm(request.POST, door=door, row=key)
        if form.is_valid():
            try:
                doors.fill(key, form.given())
            except OrderError as error:
                form.refuse(error)
            else:
                self.log_change(request, row, f"Changed the settings of the door {code}.")
                self.message_user(request, _("Saved."), messages.SUCCESS)
                return self._back(row, code)
        return self._page(request, row, code, form)

    def issue_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        row, door, key = self._find(request, pk, code, to_change=True)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if key is not None or not door.PARTS:
            return self._back(row, code)
        form = DoorForm(request.POST, door=door, row=None)
        if not form.is_valid():
            return self._page(request, row, code, form)
        try:
            made, shown = doors.issue(row, code, form.given())
        except OrderError as error:
            form.refuse(error)
            return self._page(request, row, code, form)
        self.log_change(request, row, f"Issued keys for the door {code}.")
        return self.issued(request, row, [door_facts.group(row, code, made, shown)])

    def rotate_door_view(self, request: HttpRequest, pk: int, code: str, part: str) -> HttpResponse:
        row, _door, key = self._find(request, pk, code, to_change=True)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            if key is None:
                raise Http404
            shown = doors.rotate(key, part)
        except KeyError:
            raise Http404 from None
        except (OrderError, SecretUnreadable) as error:
            said = str(error) if isinstance(error, OrderError) else door_facts.unreadable()
            self.message_user(request, said, messages.ERROR)
            return self._back(row, code)
        self.log_change(request, row, f"Made “{part}” of the door {code} anew.")
        if shown:
            made = door_facts.key_of(row, code)
            return self.issued(request, row, [door_facts.group(row, code, made, shown)])
        self.message_user(request, _("It is made anew."), messages.SUCCESS)
        return self._back(row, code)

    def switch_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """To what the button said, so that a second click changes nothing."""
        row, _door, key = self._find(request, pk, code, to_change=True)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        wanted = request.POST.get("to") == "on"
        changed = key is not None and DoorKey.objects.filter(
            pk=key.pk, is_active=not wanted
        ).update(is_active=wanted)
        if changed:
            state = "on" if wanted else "off"
            self.log_change(request, row, f"Switched the door {code} {state}.")
        return self._back(row, code)

    def check_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """What the door would say to a pasted request, as a fragment."""
        _row, door, key = self._find(request, pk, code, to_change=False)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if key is None or not door.CHECKS:
            raise Http404
        form = CheckForm(request.POST)
        is_valid = form.is_valid()
        steps = door.check(key, form.cleaned_data, timezone.now()) if is_valid else []
        wrong = [error for found in form.errors.values() for error in found]
        return render(request, "console/_steps.html", {"steps": steps, "wrong": wrong})

    def sample_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        """A notice as it would be sent, signed, and all that one needs to check it."""
        row, door, key = self._find(request, pk, code, to_change=False)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("orders.replay_merchantnotice"):
            raise PermissionDenied
        context: dict[str, Any] = {}
        try:
            envelope = door_facts.sample(row, door)
            context["headers"] = "\n".join(f"{k}: {v}" for k, v in envelope.headers.items())
            context["body"] = envelope.body.decode()
            context["facts"] = door.explain(envelope, key)
        except (ValueError, SecretUnreadable):
            context["wrong"] = door_facts.unreadable()
        return render(request, "console/_sample.html", context)

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a notice that tells of no order, and show how it is delivered."""
        row, *_rest = self._find(request, pk, API, to_change=False)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        code = request.POST.get("door", API)
        if code not in door_facts.speakable(row):
            raise Http404
        url = request.POST.get("url", "").strip() or door_facts.default_url(row, code)
        try:
            notice = notices.request_test(
                row, actor_of(request), url=url, dialect=doors.get(code).NOTICES
            )
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
            return Redirect(page_of(row))
        return Redirect(page_of(notice))

    # --- pages ---------------------------------------------------------------------------------

    def _page(
        self, request: HttpRequest, row: Application, code: str, form: DoorForm | None = None
    ) -> HttpResponse:
        door, key = doors.get(code), door_facts.key_of(row, code)
        may_change = self.has_change_permission(request, row)
        may_send = request.user.has_perm("orders.replay_merchantnotice")
        form = form or DoorForm(door=door, row=key)
        context = {
            **self._frame(request, row, str(door.TITLE)),
            "code": code,
            "door": door,
            "key": key,
            "chip": door_facts.chip(row, code, key),
            "facts": door_facts.facts(row, code, key),
            "form": form if may_change and form.fields else None,
            "parts": door.PARTS if may_change and key else (),
            "may_change": may_change,
            "may_send": may_send,
            "examples": door_facts.examples(row, code, key),
            "check": CheckForm() if door.CHECKS and key else None,
            "can_sample": key is not None or not door.PARTS,
            "is_fullwidth": "1",
        }
        return render(request, "console/door.html", context)

    def issued(
        self, request: HttpRequest, row: Application, groups: list[dict[str, Any]]
    ) -> HttpResponse:
        """The one answer that has the secrets. Nothing stores it, and no cache may keep it."""
        values: list[Value] = [value for one in groups for value in one["values"]]
        context = {
            **self._frame(request, row, pgettext("of an application", "Keys")),
            "groups": groups,
            "exports": "\n".join(value.export for value in values),
        }
        response = render(request, "console/issued.html", context)
        response["Cache-Control"] = "no-store, private"
        return response

    def _frame(self, request: HttpRequest, row: Application, title: str) -> dict[str, Any]:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "application": row,
            "title": f"{row.name} · {title}",
            "is_popup": False,
            "back": page_of(row),
        }

    def doors_context(self, request: HttpRequest, row: Application) -> dict[str, Any]:
        """For the application's own page."""
        may_send = request.user.has_perm("orders.replay_merchantnotice")
        told = reverse("admin:orders_merchantnotice_changelist")
        return {
            "doors": [
                door_facts.line(row, code, door_facts.key_of(row, code)) for code in doors.codes()
            ],
            "try_url": reverse("admin:orders_application_try", args=[row.pk]),
            "try_doors": [(code, doors.get(code).TITLE) for code in door_facts.speakable(row)],
            "try_why_not": "" if may_send else _("Your role may not send notices."),
            "told_url": f"{told}?application={row.app_id}",
        }
