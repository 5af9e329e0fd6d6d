"""UMF 联动优势, direct merchant: a loopback server that speaks the wire of "订单状态同步".

Only ``pay/orderquery`` is specified for this dialect. Its siblings are put together from the older
and the integrators' pages (the paths, and what is marked "inferred"); ``docs/simulators.md`` says
which is which. It imports nothing of ``channels.umf``.
"""

from channels.simulators.core.simulator import Settings
from channels.simulators.umf.identity import credentials, new_identity, simulator_half
from channels.simulators.umf.simulator import UmfSimulator

__all__ = ["Settings", "UmfSimulator", "credentials", "new_identity", "simulator_half"]
