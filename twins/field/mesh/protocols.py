"""The figures of ``data/protocols.toml``, typed, and as the core takes them for a network's size and mode."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec
import numpy as np

from twins.field.checks import FieldError, need
from twins.field.mesh.codes import DIO, DIS, PA, PAS, PC, PCS, PROBE
from twins.field.mesh.records import LIMITS, PACE, SIZE, STEP
from twins.field.mesh.state import TIMERS, Protocols
from twins.field.physics.parameters import Mode, phy_modes
from twins.field.physics.phy import frame_seconds
from twins.field.rules.parameters import MILLISECOND, SECOND
from twins.tables import Table

FOR_EVER = 1 << 30  # messages that nobody hears: a Trickle timer that is never silenced


class Size(Table, frozen=True, kw_only=True):
    """Timers and limits of networks of up to so many nodes."""

    up_to: int
    discovery: tuple[float, float]
    flood: tuple[float, float]
    dio_exponent: int
    dio_doublings: int
    eapol_retry: tuple[float, float]
    sessions: int


class Discovery(Table, frozen=True, kw_only=True):
    """How nodes look for a network."""

    enough: int
    gather: float
    boot: float
    give_up: float


class Authentication(Table, frozen=True, kw_only=True):
    """What the root does with those who would be authenticated."""

    session: float


class Routing(Table, frozen=True, kw_only=True):
    """RPL and MRHOF."""

    dis: tuple[float, float]
    dio_enough: int
    dao_wait: float
    dao_tries: int
    refresh: float
    etx_tries: int
    etx_time: float
    etx_share: float
    etx_most: float
    etx_first: float
    better: float
    weakest_dbm: float
    leave_db: float


class Flooding(Table, frozen=True, kw_only=True):
    """MPL."""

    enough: int
    times: int


class Broadcast(Table, frozen=True, kw_only=True):
    """When all listen together."""

    interval_ms: int
    together_ms: int


class Answers(Table, frozen=True, kw_only=True):
    """How fast a node answers."""

    wait_ms: int


class Bytes(Table, frozen=True, kw_only=True):
    """PSDU of the network's own frames."""

    pas: int
    pa: int
    pcs: int
    pc: int
    dis: int
    dio: int
    probe: int


class Exchange(Table, frozen=True, kw_only=True):
    """Messages between a node and the root: bytes, below 0 from the root."""

    messages: tuple[int, ...]


class Exchanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All exchanges."""

    full: Exchange
    short: Exchange
    route: Exchange
    dao: Exchange


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``protocols.toml``."""

    size: dict[str, Size]
    discovery: Discovery
    authentication: Authentication
    routing: Routing
    flooding: Flooding
    broadcast: Broadcast
    answers: Answers
    bytes: Bytes
    exchange: Exchanges


def parse(text: str) -> Figures:
    """Figures of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        figures = msgspec.convert(tomllib.loads(text), Figures)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: protocols.toml: {error}") from error
    for name, size in figures.size.items():
        spans = (size.discovery, size.flood, size.eapol_retry)
        need(all(0 < least <= most for least, most in spans), f"size {name}: intervals are above 0 and do not shrink")
        need(size.up_to > 0 and size.sessions > 0 and size.dio_doublings >= 0, f"size {name}: impossible limit")
        need(0 < size.dio_exponent < 32, f"size {name}: impossible DIO interval")
    r, d, b = figures.routing, figures.discovery, figures.broadcast
    need(0 < r.dis[0] <= r.dis[1] and r.dao_wait > 0 and r.dao_tries > 0, "routing: impossible times")
    need(1 <= r.etx_first <= r.etx_most and 0 < r.etx_share <= 1, "routing: an ETX is at least 1, a share at most 1")
    need(r.refresh > 0 and r.etx_tries > 0 and min(r.better, r.leave_db) >= 0, "routing: impossible limits")
    need(min(d.gather, d.boot, figures.authentication.session) > 0 and d.give_up > d.gather, "discovery: no time")
    need(0 < b.together_ms < b.interval_ms, "broadcast: nodes listen together for a part of the interval")
    need(min(d.enough, r.dio_enough, figures.flooding.enough, figures.flooding.times) > 0, "counts are above 0")
    sent = figures.bytes
    need(min(sent.pas, sent.pa, sent.pcs, sent.pc, sent.dis, sent.dio, sent.probe) > 0, "a frame has bytes")
    for e in (figures.exchange.full, figures.exchange.short, figures.exchange.route, figures.exchange.dao):
        need(len(e.messages) > 1 and e.messages[0] > 0, "an exchange begins at the node, and is answered")
        need(all(a * b < 0 for a, b in zip(e.messages, e.messages[1:], strict=False)), "messages go to and fro")
    return figures


@cache
def figures() -> Figures:
    """The figures that ship."""
    return parse(resources.files(__package__).joinpath("data", "protocols.toml").read_text("utf-8"))


def size_for(nodes: int) -> Size:
    """The timers of the smallest size that holds so many nodes; raises :class:`FieldError` for too many."""
    fitting = [size for size in figures().size.values() if nodes <= size.up_to]
    need(bool(fitting), f"no network holds {nodes} nodes")
    return min(fitting, key=lambda size: size.up_to)


def protocols(mode: Mode, nodes: int, *, living: bool, max_link_etx: float, max_path_etx: float) -> Protocols:
    """What a network of so many nodes says about itself; ``living`` False: it has settled and says nothing."""
    all_ = figures()
    size, routing, discovery = size_for(nodes), all_.routing, all_.discovery
    trickle = np.zeros(TIMERS, dtype=PACE)
    for kind in (PAS, PA, PCS, PC):
        trickle[kind - PAS] = _pace(*size.discovery, discovery.enough)
    trickle[DIS - PAS] = _pace(*routing.dis, FOR_EVER)
    least = 2**size.dio_exponent / 1000
    trickle[DIO - PAS] = _pace(least, least * 2**size.dio_doublings, routing.dio_enough)
    sizes = np.zeros(PROBE + 1, dtype=SIZE)
    sent = all_.bytes
    named = {PAS: sent.pas, PA: sent.pa, PCS: sent.pcs, PC: sent.pc, DIS: sent.dis, DIO: sent.dio, PROBE: sent.probe}
    for kind, psdu in named.items():
        sizes[kind] = _size(mode, psdu)
    held = all_.exchange
    told = [held.full.messages, held.short.messages, held.route.messages, held.dao.messages]
    steps = np.array([(n > 0, *_size(mode, abs(n))) for messages in told for n in messages], dtype=STEP)
    begins = np.cumsum([0, *(len(messages) for messages in told)])
    return Protocols(living, trickle, steps, begins, sizes, _limits(size, max_link_etx, max_path_etx))


def _limits(size: Size, max_link_etx: float, max_path_etx: float) -> np.ndarray:
    all_ = figures()
    r, d = all_.routing, all_.discovery
    figure = {
        "gather": d.gather * SECOND,
        "boot": d.boot * SECOND,
        "auth_wait": size.eapol_retry[0] * SECOND,
        "auth_most": size.eapol_retry[1] * SECOND,
        "sessions": size.sessions,
        "session": all_.authentication.session * SECOND,
        "dao_wait": r.dao_wait * SECOND,
        "dao_tries": r.dao_tries,
        "give_up": d.give_up * SECOND,
        "refresh": r.refresh * SECOND,
        "etx_tries": r.etx_tries,
        "etx_time": r.etx_time * SECOND,
        "etx_share": r.etx_share,
        "etx_most": r.etx_most,
        "etx_first": r.etx_first,
        "link_most": max_link_etx,
        "path_most": max_path_etx,
        "better": r.better,
        "weakest_mw": 10 ** (r.weakest_dbm / 10),
        "leave_mw": 10 ** ((r.weakest_dbm - r.leave_db) / 10),
        "flood_least": size.flood[0] * SECOND,
        "flood_most": size.flood[1] * SECOND,
        "flood_enough": all_.flooding.enough,
        "flood_times": all_.flooding.times,
        "reply": all_.answers.wait_ms * MILLISECOND,
    }
    limits = np.zeros(1, dtype=LIMITS)
    for name, value in figure.items():
        limits[name] = value
    return limits


def _pace(least: float, most: float, enough: int) -> tuple[int, int, int]:
    return round(least * SECOND), round(most * SECOND), enough


def _size(mode: Mode, psdu: int) -> tuple[int, int]:
    """Air time in ns and bits of a frame."""
    return round(float(frame_seconds(mode, psdu)) * SECOND), 8 * (psdu + phy_modes().frame.fcs_bytes)
