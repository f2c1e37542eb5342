"""Broken topologies and what must be said of each: line, column, path and words. Loader and command are held to it."""

# ruff: noqa: E501 - a table reads best with one case on a line

from __future__ import annotations

from typing import NamedTuple

SOUND = """\
name: test
seed: 7
clock:
  mode: virtual
  start: 2026-01-15T00:00
bus:
  broker: embedded
areas:
  - name: north
    utility: tepco
    medium: plc
    concentrators: 2
    meters_per_concentrator: 50
    load_mix: { household: 0.8, shop: 0.2 }
  - { name: south, utility: kansai, medium: multihop, concentrators: 1 }
"""
"""A sound topology of 350 meters; most of the broken ones differ from it in one place."""


class Broken(NamedTuple):
    """A faulty text and the one problem that must be told of it."""

    title: str
    text: str
    line: int
    column: int
    path: str
    words: str


def _with(old: str, new: str) -> str:
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


def _external(lines: str) -> str:
    return _with("  broker: embedded\n", "  broker: external\n" + lines)


_TLS = "  url: mqtts://broker.example\n"

BROKEN = [
    # What the file is
    Broken("an empty file", "", 1, 1, "topology", "the file is empty"),
    Broken("only a comment", "# soon\n", 1, 1, "topology", "the file is empty"),
    Broken("a list", "- name: test\n", 1, 1, "topology", "a list is not a mapping; give a mapping with name, clock, areas"),
    Broken("two documents", SOUND + "---\nname: b\n", 17, 1, "topology", "a second document begins"),
    # YAML
    Broken("a bracket left open", _with("name: test", "name: [a, b"), 1, 7, "topology", "whose [ … ] is not well formed"),
    Broken("a quote left open", 'name: "test\n', 1, 7, "topology", "not closed"),
    Broken("a tab", _with("  mode:", "\tmode:"), 4, 1, "topology", "a tab; indent with spaces"),
    Broken("wrong indentation", _with("    medium: plc", "   medium: plc"), 11, 4, "topology", "lines above; indent"),
    Broken("two colons on a line", _with("seed: 7", "seed: a: 7"), 2, 8, "topology", "a second ': ' on one line"),
    Broken("no colon", _with("seed: 7", "seed"), 2, 1, "topology", "a key without its colon; write key: value"),
    Broken("a control character", _with("test", "t\x07st"), 1, 8, "topology", "U+0007 does not belong in YAML"),
    Broken("a tag", _with("seed: 7", "seed: !!python/object:os 7"), 2, 7, "topology", "is not read; write the value without"),
    Broken("an alias of nothing", _with("seed: 7", "seed: *s"), 2, 7, "topology", "the alias 's' stands for nothing"),
    Broken("a merge key", _with("  mode:", "  <<: {}\n  mode:"), 4, 3, "topology", "merge keys (<<) are not read"),
    Broken("a list as key", "? [a]\n: 1\n", 1, 3, "topology", "a key that is not a plain word"),
    Broken("deep nesting", "a: " + "[" * 900, 1, 20, "topology", "nested deeper than 16 levels"),
    Broken("a repeated key", _with("seed: 7", "seed: 7\nname: again"), 3, 1, "name", "is given twice, first in line 1"),
    Broken("a repeated key of an area", _with("plc", "plc\n    medium: plc"), 12, 5, "areas[0].medium", "twice, first in line 11"),
    # Keys
    Broken("an unknown key", _with("    medium:", "    mediun:\n    medium:"), 11, 5, "areas[0].mediun", "did you mean medium?"),
    Broken("an unknown key at the top", _with("seed: 7", "colour: 7"), 2, 1, "colour", "not a known key; known here: name,"),
    Broken("a missing key", _with("    utility: tepco\n", ""), 9, 5, "areas[0].utility", "is missing; add utility: hokkaido,"),
    Broken("a missing key at the top", SOUND.replace("name: test\n", ""), 1, 1, "name", "is missing; add name: a word"),
    Broken("a missing broker", _with("broker: embedded", "root: a"), 7, 3, "bus.broker", "add broker: embedded, external or"),
    # Types
    Broken("text for a number", _with("concentrators: 2", "concentrators: two"), 12, 20, "areas[0].concentrators", "'two' is not a"),
    Broken("a quoted number", _with("seed: 7", "seed: '7'"), 2, 7, "seed", "'7' is not a whole number; give a whole number from 0"),
    Broken("a fraction", _with("seed: 7", "seed: 7.5"), 2, 7, "seed", "7.5 is not a whole number"),
    Broken("true for a number", _with("seed: 7", "seed: true"), 2, 7, "seed", "true is not a whole number"),
    Broken("a number for a name", _with("name: test", "name: 12"), 1, 7, "name", "12 is not text; give a word of lower-case"),
    Broken("a list for a mapping", _with("  broker: embedded", "  - embedded"), 7, 3, "bus", "a list is not a mapping"),
    Broken("nothing for a mapping", _with("bus:\n  broker: embedded", "engine:"), 6, 1, "engine", "an empty value is not a mapping"),
    Broken("a mapping for a list", "name: a\nclock: { mode: wall, start: 2026-01-15 }\nareas: {}\n", 3, 8, "areas", "is not a list"),
    Broken("no areas", "name: a\nclock: { mode: wall, start: 2026-01-15 }\nareas: []\n", 3, 8, "areas", "there are no areas; describe at least one"),
    Broken("not a number", _with("0.8, shop: 0.2", ".nan, shop: 0.2"), 14, 28, "areas[0].load_mix.household", "finite"),
    # Ranges
    Broken("a negative count", _with("concentrators: 2", "concentrators: -3"), 12, 20, "areas[0].concentrators", "-3 is too small; give a whole number of at least 1"),
    Broken("too many meters", _with("50", "5000"), 13, 30, "areas[0].meters_per_concentrator", "5000 is too large; give a whole number from 1 to 1000"),
    Broken("more meters than Japan", _with("concentrators: 2", "concentrators: 9000000"), 9, 3, "areas", "450,000,250 meters together"),
    Broken("a loss beyond reason", _with("plc", "plc\n    field: { loss: 1.5 }"), 12, 20, "areas[0].field.loss", "1.5 is too large"),
    Broken("a radio mode on a power line", _with("plc", "plc\n    field: { mode: 2b }"), 12, 14, "areas[0].field.mode", "says nothing for plc, only for multihop"),
    Broken("a radio mode on a wire", _with("plc", "direct\n    field: { mode: 2b }"), 12, 14, "areas[0].field.mode", "says nothing for direct, only for multihop"),
    Broken("an area class that is none", _with("plc", "multihop\n    field: { area_class: sea }"), 12, 26, "areas[0].field.area_class", "'sea' is not known here"),
    Broken("meters on top of each other", _with("plc", "multihop\n    field: { spacing: 0 }"), 12, 23, "areas[0].field.spacing", "0 is too small"),
    Broken("surroundings that leave meters out", _with("plc", "multihop\n    field: { around: { open: 0.5 } }"), 12, 22, "areas[0].field.around", "the shares sum to 0.5"),
    Broken("surroundings that nobody knows", _with("plc", "multihop\n    field: { around: { moon: 1 } }"), 12, 24, "areas[0].field.around.moon", "not a known key"),
    Broken("a mode that is none", _with("plc", "multihop\n    field: { mode: 7 }"), 12, 20, "areas[0].field.mode", "7 is not known here; give 1b, 2b, 3, 4b or 5"),
    Broken("a jammer on a channel that is none", _with("plc", "multihop\n    field: { jammers: [{ concentrator: 0, channels: [13, 99] }] }"), 12, 58, "areas[0].field.jammers[0].channels[1]", "99 is not a channel of mode 2b; give a whole number from 0 to 13"),
    Broken("a jammer on a channel of another mode", _with("plc", "multihop\n    field: { mode: 5, jammers: [{ concentrator: 0, channels: [9] }] }"), 12, 63, "areas[0].field.jammers[0].channels[0]", "9 is not a channel of mode 5; give a whole number from 0 to 8"),
    Broken("a jammer on its concentrator", _with("plc", "multihop\n    field: { jammers: [{ concentrator: 0, north: 0 }] }"), 12, 24, "areas[0].field.jammers[0]", "stands 0 m from its concentrator; put it 0.1 m or more away"),
    Broken("deep coverage of nothing", _with("plc", "multihop\n    field: { fallback: none, deep_coverage: 0.1 }"), 12, 30, "areas[0].field.deep_coverage", "without a cellular fallback"),
    Broken("a negative seed", _with("seed: 7", "seed: -1"), 2, 7, "seed", "-1 is too small"),
    Broken("a seed beyond 63 bits", _with("seed: 7", "seed: 9223372036854775808"), 2, 7, "seed", "is too large"),
    Broken("no shards", SOUND + "engine: { shards: 0 }\n", 16, 19, "engine.shards", "0 is not a number of shards; give"),
    Broken("a long area name", _with("north", "n" * 17), 9, 11, "areas[0].name", "is too long"),
    Broken("a name with a slash", _with("name: test", "name: a/b"), 1, 7, "name", "'a/b' is not well formed; give a word"),
    # Words
    Broken("an unknown broker", _with("embedded", "hivemq"), 7, 11, "bus.broker", "'hivemq' is not known here; give embedded, external or mosquitto"),
    Broken("an unknown medium", _with("plc", "lte"), 11, 13, "areas[0].medium", "'lte' is not known here; give multihop, cellular, plc or direct"),
    Broken("an unknown utility", _with("tepco", "edf"), 10, 14, "areas[0].utility", "give hokkaido, tohoku, tepco, chubu"),
    Broken("an unknown load class", _with("shop: 0.2", "shops: 0.2"), 14, 33, "areas[0].load_mix.shops", "did you mean shop?"),
    Broken("an unknown measurement", SOUND + "campaigns: { collection: { limits: { on_time: { low: 0 } } } }\n", 16, 38, "campaigns.collection.limits.on_time", "did you mean on_time_share?"),
    Broken("an unknown defect", SOUND + "defects:\n  - { kind: lazy, meters: 1 }\n", 17, 13, "defects[0].kind", "'lazy' is not known here"),
    # What belongs together
    Broken("shares that do not sum to 1", _with("shop: 0.2", "shop: 0.1"), 14, 15, "areas[0].load_mix", "the shares sum to 0.9; make them sum to 1"),
    Broken("generations that do not sum to 1", _with("plc", "plc\n    generation_mix: { current: 0.5 }"), 12, 21, "areas[0].generation_mix", "sum to 0.5"),
    Broken("one name for two areas", _with("south", "north"), 15, 13, "areas[1].name", "north is the name of an area above"),
    Broken("a start off the grid", _with("T00:00", "T00:10"), 5, 10, "clock.start", "not on the grid of half-hours; begin at :00 or :30"),
    Broken("a start off the grid by its offset", _with("T00:00", "T00:00+09:15"), 5, 10, "clock.start", "grid of half-hours"),
    Broken("a start that is no date", _with("2026-01-15T00:00", "tomorrow"), 5, 10, "clock.start", "'tomorrow' is not a date and time"),
    Broken("a start in another age", _with("2026-01-15", "0001-01-01"), 5, 10, "clock.start", "the year 1 is out of range"),
    Broken("a scale in virtual mode", _with("virtual", "virtual\n  scale: 60"), 5, 3, "clock.scale", "has no meaning in virtual mode"),
    Broken("a scaled clock without scale", _with("virtual", "scaled"), 4, 3, "clock.scale", "is missing; add how many times"),
    Broken("a tick that does not divide", _with("virtual", "virtual\n  tick: 7"), 5, 9, "clock.tick", "7 does not divide 1800"),
    Broken("days and slots", SOUND + "campaigns: { collection: { days: 1, slots: 4 } }\n", 16, 37, "campaigns.collection.slots", "beside days"),
    Broken("a part of a half-hour", SOUND + "campaigns: { collection: { days: 0.03 } }\n", 16, 34, "campaigns.collection.days", "0.03 days are not a number of"),
    Broken("a limit that sets nothing", SOUND + "campaigns: { collection: { limits: { delay_max: {} } } }\n", 16, 49, "campaigns.collection.limits.delay_max", "sets no limit"),
    Broken("limits upside down", SOUND + "campaigns: { collection: { limits: { on_time_share: { high: 0.5 } } } }\n", 16, 53, "campaigns.collection.limits.on_time_share", "low 1 is above high 0.5"),
    Broken("a meter that is not there", SOUND + "defects:\n  - { kind: silent, meters: [TWN000000000350] }\n", 17, 30, "defects[0].meters[0]", "the fleet has TWN000000000000 to TWN000000000349"),
    Broken("a meter of another make", SOUND + "defects:\n  - { kind: silent, meters: [42] }\n", 17, 30, "defects[0].meters[0]", "42 is not a meter id"),
    Broken("a meter listed twice", SOUND + "defects:\n  - { kind: silent, meters: [TWN000000000001, TWN000000000001] }\n", 17, 47, "defects[0].meters[1]", "is listed twice"),
    Broken("more faulty meters than meters", SOUND + "defects:\n  - { kind: silent, meters: 351 }\n", 17, 29, "defects[0].meters", "more than the fleet's 350"),
    Broken("no faulty meters", SOUND + "defects:\n  - { kind: silent, meters: 0 }\n", 17, 29, "defects[0].meters", "0 is too small"),
    Broken("minutes for a silent meter", SOUND + "defects:\n  - { kind: silent, meters: 1, minutes: 3 }\n", 17, 32, "defects[0].minutes", "is not a known key"),
    Broken("late by how much", SOUND + "defects:\n  - { kind: late, meters: 1 }\n", 17, 5, "defects[0].minutes", "is missing; add minutes: a number above 0"),
    # Meters of other classes
    Broken("an unknown meter class", _with("plc", "plc\n    meter_class: oil"), 12, 18, "areas[0].meter_class", "'oil' is not known here; give LV, HV, gas or water"),
    Broken("homes with high-voltage meters", _with("load_mix: { household: 0.8, shop: 0.2 }", "meter_class: HV\n    load_mix: { household: 1 }"), 15, 17, "areas[0].load_mix.household", "is a load class of LV meters, not of HV; HV has office,"),
    Broken("offices with low-voltage meters", _with("shop: 0.2", "office: 0.2"), 14, 33, "areas[0].load_mix.office", "is a load class of HV meters, not of LV; LV has household"),
    Broken("gas meters that nobody reads", SOUND + "  - { name: gas, utility: tepco, medium: plc, concentrators: 1, meter_class: gas }\n", 16, 5, "areas[2].through", "is missing for gas meters; add through: the name of the LV area"),
    Broken("gas meters through nowhere", SOUND + "  - { name: gas, utility: tepco, medium: plc, concentrators: 1, meter_class: gas, through: nort }\n", 16, 92, "areas[2].through", "'nort' is not the name of an LV area; give north or south"),
    Broken("gas meters through each other", SOUND + "  - { name: gas, utility: tepco, medium: plc, concentrators: 1, meter_class: gas, through: gas }\n", 16, 92, "areas[2].through", "'gas' is not the name of an LV area"),
    Broken("gas meters with photovoltaics", SOUND + "  - { name: gas, utility: tepco, medium: plc, concentrators: 1, meter_class: gas, through: north, pv_share: 0.1 }\n", 16, 109, "areas[2].pv_share", "gas meters have no generator; remove it"),
    Broken("water meters of the next generation", SOUND + "  - { name: w, utility: tepco, medium: plc, concentrators: 1, meter_class: water, through: north, generation_mix: { next: 1 } }\n", 16, 123, "areas[2].generation_mix.next", "water meters have no next generation here; remove generation_mix"),
    Broken("electricity through another meter", _with("plc", "plc\n    through: south"), 12, 5, "areas[0].through", "LV meters are not read through others; remove it"),
    # The way to an external broker
    Broken("no URL", _with("embedded", "external"), 7, 3, "bus.url", "is missing; add url: text such as mqtts://"),
    Broken("another protocol", _external("  url: http://broker.example\n"), 8, 8, "bus.url", "is not the address of a broker; give mqtt://host:port"),
    Broken("a port that is none", _external("  url: mqtt://broker.example:99999\n"), 8, 8, "bus.url", "is not the address of a broker"),
    Broken("a password in the URL", _external("  url: mqtt://me:secret@broker.example\n"), 8, 8, "bus.url", "a user or password in the URL; use"),
    Broken("a path in the URL", _external("  url: mqtt://broker.example/mqtt\n"), 8, 8, "bus.url", "goes on after the port"),
    Broken("a missing file", _external(_TLS + "  ca: nowhere.pem\n"), 9, 7, "bus.ca", "there is no file 'nowhere.pem'"),
    Broken("a password without user", _external(_TLS + "  password_env: SECRET\n"), 9, 3, "bus.password_env", "is given without user"),
    Broken("a certificate without TLS", _external("  url: mqtt://broker.example\n  ca: test.yaml\n"), 9, 3, "bus.ca", "with TLS only; remove it, or use mqtts://"),
    Broken("a certificate without key", _external(_TLS + "  client_cert: test.yaml\n"), 9, 3, "bus.client_cert", "is given without client_key"),
]  # fmt: skip
