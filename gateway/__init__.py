"""The front of house: the Django project and everything that arrives over HTTP.

Importing it loads the Celery application, so that `orders.tasks` find it (Celery's Django guide).
"""

from gateway.celery import app as celery_app

__all__ = ("celery_app",)
