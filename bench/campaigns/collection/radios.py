"""The radios of a rack in a collection: in one field with the twins.

Before the twins begin, the attenuators are set from the link table, and the sticks tell what they hear. Their levels go
into the link table of the concentrators that the real radios belong to, which from then on go frame by frame. They go
there with the specs of the shards, once, and not by messages meanwhile: so what becomes of a reading depends on data
that the record holds, and a shard that is started again finds the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.field.attenuators import Wanted, measured, wanted_links
from bench.field.links import link_table_of
from bench.field.live import with_live
from bench.field.matrix import SetLink, set_links, table
from bench.field.player import Played, Player
from bench.measure import Measurement, Verdict, judge, load_limits
from bench.rack.client import RackClient
from bench.rack.inventory import Inventory
from bench.record.atomic import write_text
from bench.record.exhibits import Exhibit, TableExhibit
from bench.runner import Run
from bench.stage import Stage
from bench.topology import Topology
from protocols.slots import slot_end
from twins.field.areas import AreaField
from twins.plan import FleetPlan

_TOLD = 200  # settings of the player that a report shows at most; `attenuators.json` has them all


class Radios:
    """Attenuators and sticks of one run. Raises InputError as :func:`bench.field.attenuators.wanted_links`."""

    def __init__(self, topology: Topology, inventory: Inventory, fields: Sequence[AreaField], fleet: FleetPlan) -> None:
        self._topology, self._inventory = topology, inventory
        self._links: Mapping[str, Wanted] = wanted_links(topology, inventory)
        self.fields = with_live(fields, fleet, inventory)
        """Each area's field, with the concentrators that go frame by frame."""
        self._found: list[SetLink] = []
        self._player: Player | None = None

    def begin(self, run: Run, stage: Stage, client: RackClient, token: str, fleet: FleetPlan) -> None:
        """Set the attenuators and listen; the places are leased and powered. Raises what the gateway says, Aborted."""

        def work(stop: threading.Event) -> None:
            self._found = set_links(client, token, self._inventory, list(self._links.values()), stop)

        stage.attend(work)  # a stick may look for a silent meter for minutes
        for each in self._found:
            if each.why:
                run.note(f"{each.place}: {each.why}")
        levels: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
        for each in self._found:
            link = self._links[each.place]
            if each.residual_db is not None:
                dbm = round(link.level_dbm + each.residual_db, 2)
                levels.setdefault((link.area, link.number), []).append((link.node, link.other, dbm))
        self.fields = with_live(self.fields, fleet, self._inventory, levels)
        self._player = Player(self._links, self._found, self.fields, fleet.seed, slot_end(fleet.first_slot - 1))

    def play(self, client: RackClient, token: str, now: float, real: float) -> None:
        """Loss that comes and goes, by the attenuators."""
        if self._player is not None:
            self._player.look(client, token, now, real)

    @property
    def summary(self) -> dict[str, Any]:
        """What a record has of it; settings of the player are counted here, and stand in ``attenuators.json``."""
        return {
            "links": msgspec.to_builtins(self._found),
            "frame_by_frame": [
                {"area": area.name, "concentrator": live.concentrator, "levels": live.levels}
                for area, field in zip(self._topology.areas, self.fields, strict=True)
                for live in field.live
            ],
            "played": len(self._played),
        }

    @property
    def _played(self) -> list[Played]:
        return self._player.played if self._player else []

    def judge(self) -> list[Measurement]:
        """``link_residual`` of each place that has a stick; inconclusive where it heard nothing."""
        limits = {"link_residual": load_limits("field-sweep")["link_residual"]}
        told = []
        for each in self._found:
            if self._inventory.place(each.place).stick is None:
                continue
            (found,) = judge(limits, {"link_residual": each.residual_db})
            verdict = found.verdict if each.residual_db is not None else str(Verdict.INCONCLUSIVE)
            told.append(msgspec.structs.replace(found, verdict=verdict, place=each.place))
        return told

    def exhibits(self) -> list[Exhibit]:
        """What a report shows."""
        found: list[Exhibit] = [table(self._found)] if self._found else []
        if played := self._played:
            rows = tuple((each.place, f"{each.seconds:g}", f"{each.extra_db:g}", f"{each.db:g}") for each in played)
            found.append(
                TableExhibit(
                    title="Loss played by attenuators",
                    headers=("Place", "After s", "Extra loss, dB", "Set to, dB"),
                    rows=rows[:_TOLD],
                    right=(1, 2, 3),
                    caption=f"{len(played)} settings followed the variations of the topology, as the twins' links do.",
                )
            )
        return found

    def write(self, folder: Path) -> None:
        """``links.json``: the link tables of the radios' concentrators, with the levels that were heard in them.

        ``attenuators.json``: what was set while the run went on, each :class:`bench.field.player.Played`.
        """
        heard = {each.meter: each for each in self._found if each.residual_db is not None}
        levels = {meter: each.level_dbm + (each.residual_db or 0.0) for meter, each in heard.items()}
        concentrators = sorted({each.concentrator for each in heard.values()})
        updated = [measured(link_table_of(self._topology, each).table, levels) for each in concentrators]
        write_text(folder / "links.json", msgspec.json.encode(updated).decode() + "\n")
        write_text(folder / "attenuators.json", msgspec.json.encode(self._played).decode() + "\n")
