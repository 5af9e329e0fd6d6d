"""Users, roles and schedules: Django's and celery-beat's tables in the house's shape."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from orders.admin import cells
from orders.admin.lists import ConsoleAdmin, column
from orders.admin.merchants import active_chip

APPS = ("orders", "auth", "django_celery_beat")
HIDDEN_MODELS = ("permission", "clockedschedule", "solarschedule", "periodictasks",
                 "idempotencykey", "noticeattempt")  # fmt: skip

for _model in (User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule,
               ClockedSchedule, SolarSchedule):  # fmt: skip
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


def row_link(row: Model, text: str) -> str:
    name = f"{row._meta.app_label}_{row._meta.model_name}_change"
    url = reverse(f"admin:{name}", args=[row.pk])
    return format_html('<a class="zf-no" href="{}">{}</a>', url, text)


@admin.register(User)
class UserAdmin(BaseUserAdmin, ConsoleAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    change_list_template = ConsoleAdmin.change_list_template
    keyset_ordering = ("pk",)
    ordering = ("-pk",)
    numbers = ("username",)
    search_fields = ("username",)
    search_help_text = gettext_lazy("User name")
    list_filter = ()
    list_display = ("__str__",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            gettext_lazy("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    @column(gettext_lazy("user name"), css="main")
    def number(self, row: User) -> str:
        return row_link(row, row.username)

    @column(gettext_lazy("name"), css="sub")
    def called(self, row: User) -> str:
        return row.get_full_name()

    @column(gettext_lazy("roles"), css="clip")
    def roles(self, row: User) -> str:
        names = [group.name for group in row.groups.all()]
        return ", ".join([_("superuser"), *names] if row.is_superuser else names)

    @column(gettext_lazy("status"), css="side")
    def state(self, row: User) -> str:
        return active_chip(row.is_active)

    @column(gettext_lazy("last login"), css="end")
    def seen(self, row: User) -> str:
        return cells.time(row.last_login)

    columns = (number, called, roles, state, seen)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("groups")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return ConsoleAdmin.get_search_results(self, request, queryset, search_term)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A superuser's rights are out of reach of everybody who is not one."""
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def formfield_for_manytomany(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "groups":
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
            return ConsoleAdmin.formfield_for_manytomany(self, db_field, request, **kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class PermissionsField(forms.ModelMultipleChoiceField):
    """Permissions in words: what of what."""

    VERBS = {
        "view": gettext_lazy("see"),
        "add": gettext_lazy("add"),
        "change": gettext_lazy("edit"),
    }

    def label_from_instance(self, obj: Permission) -> str:
        model = obj.content_type.model_class()
        verb = self.VERBS.get(obj.codename.partition("_")[0])
        own = dict(model._meta.permissions).get(obj.codename) if model else None
        name = model._meta.verbose_name_plural if model else obj.content_type.model
        return f"{name}: {own or verb or obj.name}"


def known_permissions() -> QuerySet:
    return (
        Permission.objects.filter(content_type__app_label__in=APPS)
        .exclude(content_type__model__in=HIDDEN_MODELS)
        .exclude(codename__startswith="delete_")  # the console deletes nothing
        .select_related("content_type")
        .order_by("-content_type__app_label", "content_type__model", "codename")
    )


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ConsoleAdmin):
    change_list_template = ConsoleAdmin.change_list_template
    keyset_ordering = ("pk",)
    ordering = ("-pk",)
    numbers = ("name",)
    search_fields = ("name",)
    filter_horizontal = ()

    @column(gettext_lazy("role"), css="main")
    def number(self, row: Group) -> str:
        return row_link(row, row.name)

    @column(gettext_lazy("people"), css="num side")
    def people(self, row: Group) -> str:
        return str(len(row.user_set.all()))

    columns = (number, people)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("user_set")

    def formfield_for_manytomany(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "permissions":
            return PermissionsField(
                queryset=known_permissions(),
                required=False,
                label=_("may"),
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)


# --- schedules --------------------------------------------------------------------------------


def task_choices() -> list[tuple[str, str]]:
    current_app.loader.import_default_modules()
    return [(name, name) for name in sorted(current_app.tasks) if not name.startswith("celery.")]


class PeriodicTaskForm(forms.ModelForm):
    task = forms.ChoiceField(
        label=gettext_lazy("task"), choices=task_choices, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = PeriodicTask
        fields = ("name", "task", "enabled", "description", "interval", "crontab", "queue",
                  "expire_seconds", "args", "kwargs")  # fmt: skip

    def clean_args(self) -> str:
        return self.cleaned_data["args"] or "[]"

    def clean_kwargs(self) -> str:
        return self.cleaned_data["kwargs"] or "{}"


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ConsoleAdmin):
    form = PeriodicTaskForm
    keyset_ordering = ("pk",)
    numbers = ("name",)
    search_help_text = gettext_lazy("Name")
    list_select_related = ("interval", "crontab")
    fieldsets = (
        (None, {"fields": ("name", "task", "enabled", "description")}),
        (gettext_lazy("When"), {"fields": ("interval", "crontab", "last_run_at")}),
        (gettext_lazy("How"), {"fields": ("queue", "expire_seconds", "args", "kwargs")}),
    )
    readonly_fields = ("last_run_at",)

    @column(gettext_lazy("name"), css="main")
    def number(self, row: PeriodicTask) -> str:
        return row_link(row, row.name)

    @column(gettext_lazy("when"), css="sub")
    def when(self, row: PeriodicTask) -> str:
        return str(row.interval or row.crontab or "")

    @column(gettext_lazy("task"), css="wide clip")
    def what(self, row: PeriodicTask) -> str:
        return row.task

    @column(gettext_lazy("status"), css="side")
    def state(self, row: PeriodicTask) -> str:
        return active_chip(row.enabled)

    @column(gettext_lazy("runs"), css="num wide")
    def runs(self, row: PeriodicTask) -> str:
        return f"{row.total_run_count:,}"

    @column(gettext_lazy("last run"), css="end")
    def last(self, row: PeriodicTask) -> str:
        return cells.time(row.last_run_at)

    columns = (number, when, what, state, runs, last)


class ScheduleAdmin(ConsoleAdmin):
    keyset_ordering = ("pk",)

    @column(gettext_lazy("when"), css="main")
    def number(self, row: Model) -> str:
        return row_link(row, str(row))

    columns = (number,)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Reached from a schedule's form only."""
        return {}


admin.site.register(IntervalSchedule, ScheduleAdmin)
admin.site.register(CrontabSchedule, ScheduleAdmin)
