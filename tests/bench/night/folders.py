"""Folders of nights as a night would leave them, with sessions' results in the form that the plugin tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.night.folder import NightFolder, Plan, Shard
from bench.night.model import Key, Kind, Outcome, Result
from bench.night.session import RESULTS
from bench.night.sessions import FORMAT, Ended, Session, SessionWriter, Told

STARTED = "2026-11-21T17:00:00.000Z"
RACK = Shard(name="rack-lv-1", kind="rack", places=("lv-1", "lv-2"))
TWINS = Shard(name="twin-1", kind="twin", part="1/1")
TOPOLOGY = "name: rack\n"


def plan(night: str = "20261121-rack-0001", **fields: Any) -> Plan:
    defaults: dict[str, Any] = {
        "night": night,
        "started": STARTED,
        "topology": "rack",
        "file": "rack.yaml",
        "topology_sha256": "ab" * 32,
        "command": "bench nightly rack.yaml",
        "shards": (RACK, TWINS),
    }
    return Plan(**(defaults | fields))


def folder(nights: Path, **fields: Any) -> NightFolder:
    return NightFolder.create(nights, plan(**fields), TOPOLOGY)


def result(test: str, outcome: Outcome, place: str = "lv-1", kind: Kind = "rack", **fields: Any) -> Result:
    return Result(test=test, outcome=outcome, place=place, kind=kind, **fields)


def tell(night: NightFolder, shard: Shard, *results: Result, planned: tuple[Key, ...] = (), ends: bool = True) -> None:
    """One session of a shard that told these results, and then ended or was cut off."""
    writer = SessionWriter(night.path / RESULTS, shard.name)
    session = Session(format=FORMAT, started=STARTED, topology="rack", topology_sha256="ab" * 32, mode=shard.kind)
    writer.begin(Session(**{**_fields(session), "tests": planned or tuple(each.key for each in results)}))
    for each in results:
        writer.result(Told(result=each, category="bench" if each.outcome == "error" else ""))
    if ends:
        writer.end(Ended(time=STARTED))


def _fields(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in session.__struct_fields__}
