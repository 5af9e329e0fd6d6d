"""The Django application of the front of house: commands and checks, no tables."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Has no models: `orders` is the only package with tables."""

    name = "gateway"
