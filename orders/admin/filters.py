"""The filters of the lists: each reads its own parameters, narrows by an indexed column, and says
in one chip what it does. Values that make no sense are refused, never silently dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels import registry
from orders.admin.cells import channel_name
from orders.models import Application, ChannelAccount, Merchant
from orders.money import format_yuan, parse_yuan

OPTIONS_SHOWN = 100
BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True)
class Option:
    value: str
    label: Any
    is_selected: bool = False


class ConsoleFilter(ListFilter):
    """Base: takes its parameters out of the query, as Django's ChangeList expects."""

    template = "console/filters/none.html"
    names: ClassVar[tuple[str, ...]] = ()
    title: Any = ""

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, list[str]],
        model: type[Model],
        model_admin: ModelAdmin,
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.values: dict[str, list[str]] = {}
        for name in self.names:
            given = [value.strip() for value in params.pop(name, []) if value.strip()]
            if any("\x00" in value for value in given):
                raise IncorrectLookupParameters("a zero byte")
            if given:
                self.values[name] = given
        self.used_parameters = dict(self.values)
        self.read()

    def read(self) -> None:
        """Check and convert ``self.values``. Raises IncorrectLookupParameters."""

    def first(self, name: str) -> str:
        return self.values.get(name, [""])[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str]:
        return list(self.names)

    def choices(self, changelist: Any) -> Iterable[dict[str, Any]]:
        return []

    def said(self) -> str:
        """What the chip says; empty when the filter does nothing."""
        return ""


class ChoiceFilter(ConsoleFilter):
    """Any of several values of one column."""

    template = "console/filters/choices.html"
    field: ClassVar[str]
    all_options: ClassVar[Callable[[], list[tuple[str, Any]]]]

    def read(self) -> None:
        self.selected = self.values.get(self.names[0], [])
        labels = dict(type(self).all_options())
        if unknown := [value for value in self.selected if value not in labels]:
            raise IncorrectLookupParameters(f"{self.names[0]}: {unknown[0]!r}")
        self.options = [Option(v, label, v in self.selected) for v, label in labels.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.selected:
            return queryset
        if len(self.selected) == 1:
            return queryset.filter(**{self.field: self.selected[0]})
        return queryset.filter(**{f"{self.field}__in": self.selected})

    def said(self) -> str:
        return ", ".join(str(option.label) for option in self.options if option.is_selected)


def choice_filter(
    field: str, title: Any, options: Callable[[], list[tuple[str, Any]]]
) -> type[ChoiceFilter]:
    return type(
        f"{field.title()}Filter",
        (ChoiceFilter,),
        {"names": (field,), "field": field, "title": title, "all_options": staticmethod(options)},
    )


def channel_options() -> list[tuple[str, Any]]:
    return [(code, channel_name(code)) for code in registry.codes()]


ChannelFilter = choice_filter("channel", gettext_lazy("channel"), channel_options)


class RowFilter(ConsoleFilter):
    """One row of a small table: a menu while it is small, its own number when it is not."""

    template = "console/filters/row.html"
    source: ClassVar[type[Model]]
    key: ClassVar[str]
    field: ClassVar[str]

    def read(self) -> None:
        rows = list(self.source._default_manager.order_by("pk")[: OPTIONS_SHOWN + 1])
        wanted = self.first(self.names[0])
        self.row = next((row for row in rows if str(getattr(row, self.key)) == wanted), None)
        if wanted and self.row is None:
            self.row = self.source._default_manager.filter(**{self.key: wanted}).first()
            if self.row is None:
                raise IncorrectLookupParameters(f"{self.names[0]}: {wanted!r}")
        self.is_menu = len(rows) <= OPTIONS_SHOWN
        self.wanted = wanted
        self.options = [
            Option(str(getattr(row, self.key)), str(row), row == self.row)
            for row in rows[:OPTIONS_SHOWN]
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.row is None else queryset.filter(**{self.field: self.row.pk})

    def said(self) -> str:
        return "" if self.row is None else str(self.row)


class MerchantFilter(RowFilter):
    title = gettext_lazy("merchant")
    names = ("merchant",)
    source, key, field = Merchant, "mch_no", "merchant_id"


class ApplicationFilter(RowFilter):
    title = gettext_lazy("application")
    names = ("application",)
    source, key, field = Application, "app_id", "application_id"


class AccountFilter(RowFilter):
    title = gettext_lazy("channel account")
    names = ("account",)
    source, key, field = ChannelAccount, "code", "account_id"


class DayFilter(ConsoleFilter):
    """Whole local days, both ends included; half-open in the query."""

    template = "console/filters/days.html"
    title = gettext_lazy("date")
    names = ("from", "to")
    field = "created_at"

    def read(self) -> None:
        self.days = {name: self._day(self.first(name)) for name in self.names}

    @staticmethod
    def _day(text: str) -> date | None:
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise IncorrectLookupParameters(text) from error

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = self.days["from"], self.days["to"]
        try:
            if first:
                queryset = queryset.filter(**{f"{self.field}__gte": midnight(first)})
            if last:
                queryset = queryset.filter(**{f"{self.field}__lt": midnight(last + _DAY)})
        except OverflowError as error:
            raise IncorrectLookupParameters("a day beyond time") from error
        return queryset

    def said(self) -> str:
        first, last = self.days["from"], self.days["to"]
        if first and last:
            return f"{first}" if first == last else f"{first} – {last}"
        if first:
            return _("from %(day)s") % {"day": first}
        return _("to %(day)s") % {"day": last} if last else ""

    @property
    def shortcuts(self) -> list[tuple[str, date, date]]:
        today = timezone.localdate()
        return [
            (_("Today"), today, today),
            (_("Yesterday"), today - _DAY, today - _DAY),
            (_("Last 7 days"), today - 6 * _DAY, today),
        ]


_DAY = timedelta(days=1)


def midnight(day: date) -> datetime:
    """The first moment of a local day."""
    return timezone.make_aware(datetime.combine(day, time.min))


class AmountFilter(ConsoleFilter):
    """Amounts in yuan as people type them, both ends included."""

    template = "console/filters/amounts.html"
    title = gettext_lazy("amount")
    names = ("amount_min", "amount_max")
    field = "amount"

    def read(self) -> None:
        self.fen = {name: self._fen(self.first(name)) for name in self.names}

    @staticmethod
    def _fen(text: str) -> int | None:
        try:
            fen = parse_yuan(text) if text else None
        except ValueError as error:
            raise IncorrectLookupParameters(text) from error
        if fen is not None and abs(fen) > BIGINT_MAX:
            raise IncorrectLookupParameters(text)
        return fen

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        least, most = self.fen["amount_min"], self.fen["amount_max"]
        if least is not None:
            queryset = queryset.filter(**{f"{self.field}__gte": least})
        if most is not None:
            queryset = queryset.filter(**{f"{self.field}__lte": most})
        return queryset

    def said(self) -> str:
        least, most = self.fen["amount_min"], self.fen["amount_max"]
        if least is not None and most is not None:
            return f"{format_yuan(least)} – {format_yuan(most)}"
        if least is not None:
            return f"≥ {format_yuan(least)}"
        return f"≤ {format_yuan(most)}" if most is not None else ""


@dataclass(frozen=True)
class Queue:
    """A named problem: a narrowing that a person looks after."""

    code: str
    title: Any
    narrow: Callable[[QuerySet], QuerySet]
    is_problem: bool = True


class QueueFilter(ConsoleFilter):
    """The problem queues of a list. Chosen by a link, so it draws nothing in the panel."""

    title = gettext_lazy("queue")
    names = ("queue",)

    def read(self) -> None:
        wanted = self.first("queue")
        known = {queue.code: queue for queue in self.queues()}
        if wanted and wanted not in known:
            raise IncorrectLookupParameters(f"queue: {wanted!r}")
        self.queue = known.get(wanted)

    def queues(self) -> tuple[Queue, ...]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.queue is None else self.queue.narrow(queryset)

    def said(self) -> str:
        return "" if self.queue is None else str(self.queue.title)


def queue_filter(*queues: Queue) -> type[QueueFilter]:
    return type("Queues", (QueueFilter,), {"queues": lambda self: queues, "all_queues": queues})
