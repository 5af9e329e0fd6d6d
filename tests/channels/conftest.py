"""A simulated WeChat Pay, a shop that uses the adapter on it, its callback address; TLS keys."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.simulators.wechat import Settings, WechatSimulator, new_identity
from tests.channels.shop import Shop
from tests.channels.simulators.wire_client import Receiver


@pytest.fixture(scope="session")
def identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def simulator(identity: dict[str, Any]) -> Iterator[WechatSimulator]:
    settings = Settings(time_scale=6000, ladder_scale=150, durable=False)
    made = WechatSimulator(identity, settings=settings)
    made.start()
    yield made
    made.stop()
    assert made.crashes == 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def shop(
    identity: dict[str, Any], simulator: WechatSimulator, receiver: Receiver
) -> Iterator[Shop]:
    made = Shop(identity, simulator.base_url, receiver.url)
    yield made
    made.transport.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A certificate for 127.0.0.1 that nobody vouches for, and its path as a CA bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, str(Path(path))
