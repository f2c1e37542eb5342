"""A real mosquitto with the configuration, certificates and ACL that were installed."""

from __future__ import annotations

import contextlib
import queue
import ssl
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.provision.conftest import Installed
from tests.brokers import MOSQUITTO, running

PATIENCE = 10.0


@pytest.fixture(scope="module")
def certificates(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of certificates, while a broker runs as it was configured, with the scratch root for /."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (the test set-up installs it when it runs as root)")
    root = str(installed.root)
    config = (installed.root / "etc/mosquitto/conf.d/meter-bench.conf").read_text()
    moved = tmp_path_factory.mktemp("mosquitto") / "mosquitto.conf"
    # Started by root it would become another user, who may not read below the scratch root.
    moved.write_text(config.replace(" /etc/", f" {root}/etc/").replace(" 0.0.0.0", " 127.0.0.1") + "user root\n")
    with running([MOSQUITTO, "-c", str(moved)], installed.port):
        yield installed.root / "etc/mosquitto/meter-bench"


@contextlib.contextmanager
def connected(folder: Path, port: int, user: str | None) -> Iterator[tuple[mqtt.Client, queue.Queue[object]]]:
    """A client with a user's certificate; what it hears, and ``connected`` first, come out of the queue."""
    heard: queue.Queue[object] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if user is not None:
        context.load_cert_chain(folder / f"{user}.pem", folder / f"{user}.key")
    client.tls_set_context(context)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: heard.put(("connected", reason.is_failure))
    client.on_message = lambda _client, _data, message: heard.put(message.topic)
    client.on_subscribe = lambda *_: heard.put("subscribed")
    client.on_publish = lambda *_: heard.put("sent")
    client.on_disconnect = lambda *_: heard.put("gone")
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client, heard
    finally:
        client.disconnect()
        client.loop_stop()


MAY: dict[str, set[str]] = {
    "bench": {"ami/a/0/TWN000000000000/up", "ami/_/clock", "ami/_/rack/lab/ask", "ami/_/rack/lab/reply/1"},
    "operator": {"ami/_/rack/lab/ask"},
    "viewer": set(),
}
TOPICS = sorted(MAY["bench"])


@pytest.mark.parametrize("user", MAY)
def test_each_user_may_send_what_the_acl_says_and_nothing_else(
    installed: Installed, certificates: Path, user: str
) -> None:
    port = installed.port
    with connected(certificates, port, "bench") as (judge, heard):
        assert heard.get(timeout=PATIENCE) == ("connected", False)
        judge.subscribe("#", qos=1)
        assert heard.get(timeout=PATIENCE) == "subscribed"
        for topic in TOPICS:
            with connected(certificates, port, user) as (client, own):
                assert own.get(timeout=PATIENCE) == ("connected", False)
                client.publish(topic, b"x", qos=1)
                assert own.get(timeout=PATIENCE) in {"sent", "gone"}  # mosquitto 2.0 may end a session over a refusal
        judge.publish("ami/_/end", b"", qos=1)
        came = [each for each in iter(lambda: heard.get(timeout=PATIENCE), "ami/_/end") if each != "sent"]
    assert set(came) == MAY[user]


@pytest.mark.parametrize(("user", "hears"), [("viewer", {TOPICS[0], TOPICS[3]}), ("operator", None)])
def test_nobody_but_the_bench_hears_requests_with_their_tokens(
    installed: Installed, certificates: Path, user: str, hears: set[str] | None
) -> None:
    port = installed.port
    hears = hears or {topic for topic in TOPICS if not topic.endswith("/ask")}
    with connected(certificates, port, "bench") as (sender, sent), connected(certificates, port, user) as (client, own):
        assert sent.get(timeout=PATIENCE) == own.get(timeout=PATIENCE) == ("connected", False)
        client.subscribe("#", qos=1)
        assert own.get(timeout=PATIENCE) == "subscribed"
        for topic in (*TOPICS, "ami/_/tick"):
            sender.publish(topic, b"x", qos=1)
        assert set(iter(lambda: own.get(timeout=PATIENCE), "ami/_/tick")) == hears


def test_who_shows_no_certificate_is_refused(installed: Installed, certificates: Path) -> None:
    with (
        contextlib.suppress(ssl.SSLError, OSError),  # TLS 1.3 tells of the refusal at the first read or the next
        connected(certificates, installed.port, None) as (_, heard),
    ):
        assert heard.get(timeout=PATIENCE) == "gone"
