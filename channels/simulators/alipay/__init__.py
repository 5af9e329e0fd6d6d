"""Alipay OpenAPI: a loopback server that speaks its gateway's wire.

An implementation of its own, written from the published rules; it imports nothing of
``channels.alipay``. ``docs/simulators.md`` says what it does, checks and can be told to do wrong.
"""

from channels.simulators.alipay.identity import credentials, new_identity, simulator_half
from channels.simulators.alipay.simulator import AlipaySettings, AlipaySimulator
from channels.simulators.core.simulator import Settings

__all__ = [
    "AlipaySettings",
    "AlipaySimulator",
    "Settings",
    "credentials",
    "new_identity",
    "simulator_half",
]
