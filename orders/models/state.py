"""The state field: a django-fsm field that only transitions can change, on every thread.

django-fsm-2's own ``protected`` + ``FSMModelMixin`` switches the protection off on the shared
field while an instance reloads, so another thread may write meanwhile and one DoesNotExist leaves
it off for the process. Here the permission to load is a flag of the one instance.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django_fsm import FSMField, FSMFieldDescriptor

_LOADING = "_state_loading"


class StateDescriptor(FSMFieldDescriptor):
    def __set__(self, instance: models.Model, value: Any) -> None:
        loaded = self.field.name in instance.__dict__
        if loaded and not instance.__dict__.get(_LOADING, False):
            raise AttributeError(
                f"{type(instance).__name__}.{self.field.name} changes by a transition only"
            )
        self.field.set_state(instance, value)


class StateField(FSMField):
    """Without choices of its own it takes the ``Status`` of the class that it stands in, so that an
    abstract model can have the machine and each of its orders the words."""

    descriptor_class = StateDescriptor

    def contribute_to_class(self, cls: Any, name: str, *args: Any, **kwargs: Any) -> None:
        if self.choices is None and hasattr(cls, "Status"):
            self.choices = cls.Status.choices
        super().contribute_to_class(cls, name, *args, **kwargs)


class Stateful(models.Model):
    """Base of every model with a StateField: reloading may set it, nothing else may."""

    is_new = False
    """True on the instance that a service has just made; never stored, False on any later read."""

    class Meta:
        abstract = True

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__[_LOADING] = True
        try:
            super().refresh_from_db(*args, **kwargs)
        finally:
            self.__dict__.pop(_LOADING, None)
