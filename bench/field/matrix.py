"""The attenuator matrix set from the link table, through the gateway; and what the sticks hear then.

How loud a radio is at 0 dB follows from the loss of its path that the topology describes (``wiring.attenuator.loss``).
Where none is described the stick itself tells, at a setting where it hears its meter well. Settings are rounded to the
steps of an attenuator and cut to its range; what that leaves over, and by how much the stick hears more or less than
table and rest say, are two figures of each link.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from bench.errors import InputError
from bench.field.attenuators import Wanted, setting_for
from bench.measure import load_parameters
from bench.rack.client import GatewayError, RackClient
from bench.rack.inventory import Inventory
from bench.rack.messages import Attenuate, Radio
from bench.record.exhibits import TableExhibit
from bench.stage import Aborted

Rest = Callable[[float], object]
"""Waits so many real seconds."""

_LOUD: Final = (30.0, 0.0, 60.0)
"""dB at which a stick is asked how loud its meter is, until it shows a level; our own choice."""

_SCANS: Final = 3
"""Scans that a meter may need to come up."""


class SetLink(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one link; None for what is not known.

    ``at_zero_dbm``: how loud the radio is at 0 dB. ``wanted_db`` was rounded and cut to ``set_db``; ``left_db``: by so
    much the radio should now hear more than its twin. ``heard_dbm``: what the stick shows; ``residual_db``: by how much
    that is more than the table says, ``left_db`` beside. ``why``: what could not be done.
    """

    place: str
    meter: str
    concentrator: str
    parent: str
    loss_db: float
    level_dbm: float
    at_zero_dbm: float | None = None
    wanted_db: float | None = None
    set_db: float | None = None
    step_db: float | None = None
    left_db: float | None = None
    heard_dbm: float | None = None
    residual_db: float | None = None
    why: str = ""


def chosen(inventory: Inventory, links: Mapping[str, Wanted], named: Sequence[str]) -> list[Wanted]:
    """The links of the places named, of all that have one when none is. Raises InputError for a place without one."""
    for name in named:
        place = inventory.place(name)
        if name in links:
            continue
        if place.wiring.attenuator is None:
            where = inventory.line("places", name)
            raise InputError(f"{where}: {name} has no attenuator; wire one to it, or leave the place out")
        where = inventory.line("places", name, "meter")
        raise InputError(f"{where}: {place.meter} has no link in a mesh, so there is nothing to set; leave {name} out")
    if not links:
        raise InputError(f"{inventory.file}: no place has an attenuator and a meter with a link in a mesh")
    return [links[name] for name in dict.fromkeys(named)] if named else list(links.values())


def settle_s() -> float:
    """Real seconds between a setting and the first frame over it (a parameter of ``limits/field-sweep.toml``)."""
    return load_parameters("field-sweep")["settle"].value


def check_link(link: Wanted, client: RackClient | None) -> SetLink:
    """What would be set, with nothing sent: by the attenuator's own steps where a gateway serves it."""
    told = _told(link)
    if link.described_dbm is None:
        why = "the loss of its path is not described (wiring.attenuator.loss); its stick will tell"
        return msgspec.structs.replace(told, why=why)
    wanted = setting_for(link, link.described_dbm)
    told = msgspec.structs.replace(told, at_zero_dbm=link.described_dbm, wanted_db=round(wanted, 2))
    if client is None:
        return msgspec.structs.replace(told, why="no gateway serves this rack, so steps and range are not known")
    return _set_to(told, client.ask(Attenuate(link.place, "", wanted, nearest=True, check=True)))


def set_link(client: RackClient, token: str, link: Wanted, stick: bool, rest: Rest) -> SetLink:
    """Set the attenuator of a place that is leased and powered; ``stick``: whether it has one that hears the result.

    What an instrument says, or a stick that hears nothing, stands in ``why``. Raises what the gateway says when lease
    or bench are at fault.
    """
    told, at_zero = _told(link), link.described_dbm
    try:
        if at_zero is None:
            if not stick:
                why = "no stick can tell the loss of its path; describe it (wiring.attenuator.loss)"
                return msgspec.structs.replace(told, why=why)
            at_zero = _level_at_zero(client, token, link.place, rest)
        wanted = setting_for(link, at_zero)
        told = msgspec.structs.replace(told, at_zero_dbm=round(at_zero, 2), wanted_db=round(wanted, 2))
        told = _set_to(told, client.ask(Attenuate(link.place, token, wanted, nearest=True)))
        if not stick:
            return told
        heard = _heard(client, token, link.place, rest)
    except GatewayError as error:
        if error.exit_code != 1:  # no word of an instrument: the bench is at fault
            raise
        return msgspec.structs.replace(told, why=str(error))
    residual = round(heard - link.level_dbm - (told.left_db or 0.0), 2)
    return msgspec.structs.replace(told, heard_dbm=heard, residual_db=residual)


def set_links(
    client: RackClient, token: str, inventory: Inventory, links: Sequence[Wanted], stop: threading.Event
) -> list[SetLink]:
    """Set them side by side: a scan takes seconds, and two minutes where nothing is heard.

    Once ``stop`` is set no scan begins any more, and Aborted is raised.
    """

    def rest(seconds: float) -> None:
        if stop.wait(seconds):
            raise Aborted

    def work(link: Wanted) -> SetLink:
        return set_link(client, token, link, inventory.place(link.place).stick is not None, rest)

    with ThreadPoolExecutor(max_workers=max(1, len(links)), thread_name_prefix="matrix") as pool:
        try:
            return list(pool.map(work, links))
        except BaseException:
            stop.set()  # what one has run into, or the user's wish, is the end of all
            raise


class _SilentError(GatewayError):
    """A stick hears nothing that is a level."""

    def __init__(self, why: str) -> None:
        super().__init__(why, 1)


def _told(link: Wanted) -> SetLink:
    return SetLink(**{name: getattr(link, name) for name in _OF_LINK})


_OF_LINK: Final = ("place", "meter", "concentrator", "parent", "loss_db", "level_dbm")


def _set_to(told: SetLink, reply: Mapping[str, float]) -> SetLink:
    """With what an attenuator was set to, or would be."""
    assert told.at_zero_dbm is not None
    left = round(told.at_zero_dbm - reply["db"] - told.level_dbm, 2)
    return msgspec.structs.replace(told, set_db=reply["db"], step_db=reply["step_db"], left_db=left)


def _level_at_zero(client: RackClient, token: str, place: str, rest: Rest) -> float:
    silent = _SilentError("")
    for db in _LOUD:
        found = float(client.ask(Attenuate(place, token, db, nearest=True))["db"])
        try:
            return _heard(client, token, place, rest) + found
        except _SilentError as error:
            silent = error
    raise silent


def _heard(client: RackClient, token: str, place: str, rest: Rest) -> float:
    """The level that the stick shows once the attenuator has settled; raises _SilentError."""
    given, why = load_parameters("field-sweep"), ""
    for _ in range(_SCANS):
        rest(settle_s())
        try:
            level = client.ask(Radio(place, token, "scan"))["rssi_dbm"]
        except GatewayError as error:
            if error.exit_code != 1:
                raise
            why = f"its stick hears nothing ({error}); does {place} have supply?"
            continue
        if level is not None and given["floor"].value < level < given["ceiling"].value:
            return float(level)
        why = "its stick hears more or less than it can show"
    raise _SilentError(why)


def table(found: Sequence[SetLink]) -> TableExhibit:
    """The links for a report."""
    columns = ("loss_db", "level_dbm", "set_db", "left_db", "heard_dbm", "residual_db")
    rows = tuple(
        (each.place, each.meter, each.parent, *(_word(getattr(each, name)) for name in columns), each.why)
        for each in found
    )
    return TableExhibit(
        title="Radios and their links",
        headers=(
            "Place",
            "Meter",
            "Parent",
            "Link's loss, dB",
            "Table, dBm",
            "Set to, dB",
            "Left by steps and range",
            "Heard, dBm",
            "Heard less table",
            "Not done",
        ),
        rows=rows,
        right=tuple(range(3, 9)),
        caption="Attenuators were set so that a radio sees what its twin sees in the link table. Steps and range left "
        "so many dB over; beyond those, the stick heard so much more than the table says.",
    )


def _word(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
