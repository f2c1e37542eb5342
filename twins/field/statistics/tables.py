"""The statistics of one kind of mesh with one number of meters, as they lie in files.

Losses differ between concentrators as the sites do on which they were measured: a concentrator takes the figures of one
site whole, so bad ones stay bad (``field-network`` §6.3: never a plain binomial).
"""

from __future__ import annotations

import hashlib
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from twins.field.causes import code
from twins.field.checks import FieldError, need
from twins.field.settings import MeshSetting

VERSION = 1
"""Of the format and of what the figures mean; other versions are refused."""

KNOTS = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
"""Quantiles at which delays are kept."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_VALUE = np.zeros(256, dtype=np.uint8)
_VALUE[np.frombuffer(_DIGITS.encode(), dtype=np.uint8)] = np.arange(len(_DIGITS))

Matrix = tuple[tuple[float, ...], ...]


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a table came to be: by which figures (digest of data files) and which engine (digest of sources)."""

    made: str  # date
    parameters: str
    engine: str
    sites: int
    rounds: int
    seed: int  # of the family of sites and of the rounds


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened to one kind of message; index 0 of hops is for meters without a way and holds nothing."""

    lost: tuple[Matrix, ...]  # by site, hops, cause: share of messages
    delay: Matrix  # by hops, quantile in s, where the site's slowness is 1
    slowness: tuple[float, ...]  # by site: factor on the delays
    spread: float  # sigma of the log-normal factor by which meters of one cell differ in what they lose


class MeshTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of mesh with so many meters at a concentrator."""

    version: int
    setting: MeshSetting
    meters: int
    provenance: Provenance
    causes: tuple[str, ...]  # the columns of `lost`
    depth: tuple[str, ...]  # by site: hops of each meter, nearest first, as a digit of base 36; 0 is without a way
    air: tuple[float, ...]  # by site: s that the busiest meter sends in a round, acknowledgements counted in
    reading: Way
    exchange: Way
    others: dict[str, Way] = {}  # of the classes beside them, where a mesh has such traffic

    @property
    def sites(self) -> int:
        """How many sites the figures are from."""
        return len(self.depth)

    @property
    def deepest(self) -> int:
        """The largest number of hops that figures are for."""
        return len(self.reading.delay) - 1

    def depths(self) -> NDArray[np.uint8]:
        """Hops of all meters as an array (sites, meters)."""
        return _VALUE[np.frombuffer("".join(self.depth).encode(), dtype=np.uint8)].reshape(self.sites, self.meters)


def lost_of(way: Way) -> NDArray[np.float64]:
    """Losses of a way as an array (sites, hops + 1, causes)."""
    return np.array(way.lost, dtype=np.float64)


def site_losses(table: MeshTable) -> NDArray[np.float64]:
    """By site: share of their readings that meters lose that have a way at all."""
    lost, depths = lost_of(table.reading).sum(axis=2), table.depths()
    return np.array(
        [lost[site, own[own > 0]].mean() if own.any() else 0.0 for site, own in enumerate(depths)], dtype=np.float64
    )


def depth_text(hops: NDArray[np.int64]) -> str:
    """Hops of a site's meters as a table keeps them."""
    return "".join(_DIGITS[h] for h in hops.tolist())


def check(table: MeshTable) -> MeshTable:
    """The same table, if it can be; raises :class:`FieldError`."""
    need(table.version == VERSION, f"a table of statistics has version {table.version}, this bench reads {VERSION}")
    sites, hops = table.sites, table.deepest + 1
    need(sites > 0 and all(len(text) == table.meters for text in table.depth), "each site has its meters' depths")
    need(table.depths().max() < hops, "there are figures for every depth")
    for name in table.causes:
        code(name)
    for way in (table.reading, table.exchange, *table.others.values()):
        lost, delay = lost_of(way), np.array(way.delay)
        need(lost.shape == (sites, hops, len(table.causes)), "losses are by site, hops and cause")
        need((lost >= 0).all() and (lost.sum(axis=2) <= 1 + 1e-6).all(), "losses are shares")
        need(delay.shape == (hops, len(KNOTS)) and (np.diff(delay, axis=1) >= 0).all(), "quantiles rise")
        need(len(way.slowness) == sites and min(way.slowness) > 0 and way.spread >= 0, "slowness is above 0")
    return table


def decode(data: bytes, name: str) -> tuple[MeshTable, ...]:
    """Tables of a file's bytes; raises :class:`FieldError` naming the file."""
    try:
        return tuple(check(table) for table in msgspec.json.decode(data, type=tuple[MeshTable, ...]))
    except (msgspec.DecodeError, FieldError) as error:
        raise FieldError(f"field: {name}: {error}") from error


def encode(tables: tuple[MeshTable, ...]) -> bytes:
    """Tables as a file's bytes, one table a line."""
    return b"[\n" + b",\n".join(msgspec.json.encode(table) for table in tables) + b"\n]\n"


def parameters_digest() -> str:
    """Digest of the data files that statistics follow from: physics, rules, access, tree and classes."""
    digest = hashlib.sha256()
    for package, names in (
        ("twins.field.physics", ("path_loss.toml", "phy_modes.toml", "radio.toml")),
        ("twins.field.rules", ("air_time.toml",)),
        ("twins.field.mesh", ("mac.toml", "tree.toml", "protocols.toml")),
        ("twins.field", ("classes.toml",)),
    ):
        for name in names:
            digest.update(resources.files(package).joinpath("data", name).read_bytes())
    return digest.hexdigest()[:16]


def engine_digest() -> str:
    """Digest of the sources that run the engine and fit its outcomes."""
    digest = hashlib.sha256()
    folders = [resources.files("twins.field").joinpath(name) for name in ("mesh", "physics", "rules", "statistics")]
    for folder in [*folders, resources.files("twins.field")]:
        for file in sorted((f for f in folder.iterdir() if f.name.endswith(".py")), key=lambda f: f.name):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
