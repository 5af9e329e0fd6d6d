"""WeChat Pay v3, direct merchant: a loopback server that speaks its wire.

An implementation of its own, written from the published rules; it imports nothing of
``channels.wechat``. ``docs/simulators.md`` says what it does, checks and can be told to do wrong.
"""

from channels.simulators.core.simulator import Settings
from channels.simulators.wechat.identity import credentials, new_identity, simulator_half
from channels.simulators.wechat.simulator import WechatSimulator

__all__ = ["Settings", "WechatSimulator", "credentials", "new_identity", "simulator_half"]
