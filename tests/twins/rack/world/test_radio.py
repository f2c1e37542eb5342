"""Losses, levels and lost frames of the rack's radio world."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.rack.faults import RackError
from twins.rack.world.radio import Path, Port, RadioWorld
from twins.rack.world.radio_parameters import parse, radio_world_parameters

PORTS = Port("a", 1), Port("a", 2)
NOW = 1_000.0
MHZ = 924.0
SETTLING = radio_world_parameters().attenuator.settling_s
ERROR_DB = radio_world_parameters().attenuator.step_error_db


def world(*through: Port, seed: int = 1, **path: object) -> RadioWorld:
    return RadioWorld([Path(stick="s", meter="m", through=through, **path)], seed)  # type: ignore[arg-type]


def level(radio: RadioWorld, now: float = NOW) -> float:
    return radio.level("s", "m", MHZ, now)


def test_a_path_takes_away_its_insertion_and_what_its_channels_are_set_to() -> None:
    radio = world(*PORTS, insertion=((920.0, 40.0), (930.0, 50.0)))
    radio.attenuate(PORTS[0], 10.0, NOW)
    radio.attenuate(PORTS[1], 20.0, NOW)
    true = [radio.attenuation(port, NOW) for port in PORTS]
    assert radio.path_loss("s", "m", MHZ, NOW) == pytest.approx(44.0 + sum(true))
    assert radio.path_loss("s", "m", 900.0, NOW) == pytest.approx(40.0 + sum(true))  # held beyond the ends
    assert level(radio) == pytest.approx(13.0 - 44.0 - sum(true))


@given(db=st.floats(0, 120), seed=st.integers(0, 2**32))
def test_a_setting_s_error_is_small_its_own_and_the_same_every_time(db: float, seed: int) -> None:
    radio = world(*PORTS, seed=seed)
    radio.attenuate(PORTS[0], db, NOW)
    true = radio.attenuation(PORTS[0], NOW)
    assert max(0.0, db - ERROR_DB) <= true <= db + ERROR_DB
    radio.attenuate(PORTS[0], 50.0, NOW)
    radio.attenuate(PORTS[0], db, NOW + 1)
    assert radio.attenuation(PORTS[0], NOW + 2) == true


def test_different_settings_and_channels_have_different_errors() -> None:
    radio = world(*PORTS)
    seen = set()
    for port in PORTS:
        for db in (10.0, 20.0, 30.0):
            radio.attenuate(port, db, NOW)
            seen.add(round(radio.attenuation(port, NOW + 1) - db, 6))
    assert len(seen) == 6


def test_a_new_setting_is_there_after_the_settling_time() -> None:
    radio = world(PORTS[0])
    radio.attenuate(PORTS[0], 10.0, NOW)
    assert radio.attenuation(PORTS[0], NOW) == pytest.approx(10.0, abs=ERROR_DB)
    radio.attenuate(PORTS[0], 60.0, NOW)
    assert radio.attenuation(PORTS[0], NOW + 0.9 * SETTLING) == pytest.approx(10.0, abs=ERROR_DB)
    radio.attenuate(PORTS[0], 30.0, NOW + 0.9 * SETTLING)  # before the one before was there
    assert radio.attenuation(PORTS[0], NOW + 1.1 * SETTLING) == pytest.approx(10.0, abs=ERROR_DB)
    assert radio.attenuation(PORTS[0], NOW + 2 * SETTLING) == pytest.approx(30.0, abs=ERROR_DB)


def test_what_is_not_wired_and_what_was_never_set_passes_nothing() -> None:
    radio = world(PORTS[0])
    assert level(radio) == -math.inf
    assert radio.level("s", "other", MHZ, NOW) == -math.inf
    assert not radio.carry("s", "m", 100, MHZ, NOW, to_meter=True).arrived
    assert radio.frame_loss(-math.inf, 100) == pytest.approx(1.0)


def test_a_path_without_attenuators_is_a_cable() -> None:
    assert level(world()) == pytest.approx(13.0 - 48.2)


@pytest.mark.parametrize(
    ("size", "eb_n0_db", "loss"),
    [(20, 10, 0.417), (20, 12, 0.0285), (100, 11, 0.522), (166, 11, 0.707), (250, 13, 0.0454), (500, 12, 0.515)],
)
def test_frames_are_lost_as_the_field_s_reference_table_says(size: int, eb_n0_db: float, loss: float) -> None:
    """field-network §1.5; noise of 100 kb/s and noise figure 8 dB: -174 + 50 + 8 dBm."""
    assert world().frame_loss(-116.0 + eb_n0_db, size) == pytest.approx(loss, rel=0.01)


@given(size=st.integers(12, 1500), loss=st.floats(0.001, 0.999))
def test_at_the_sensitivity_frames_are_lost_with_that_chance(size: int, loss: float) -> None:
    radio = world()
    assert radio.frame_loss(radio.sensitivity(size, loss), size) == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("db", [66.0, 69.0, 70.0, 72.0])
def test_as_many_frames_are_lost_as_their_chance_says(db: float) -> None:
    radio = world(PORTS[0])
    radio.attenuate(PORTS[0], db, NOW)
    chance, frames = radio.frame_loss(level(radio), 100), 4000
    lost = sum(not radio.carry("s", "m", 100, MHZ, NOW, to_meter=True, repeat=False).arrived for _ in range(frames))
    assert lost / frames == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / frames) + 1e-9)


def test_a_frame_is_repeated_until_it_is_acknowledged_and_given_up_in_the_end() -> None:
    radio = world(PORTS[0])
    radio.attenuate(PORTS[0], 10.0, NOW)
    assert radio.carry("s", "m", 100, MHZ, NOW, to_meter=True) == (True, True, 1)
    radio.attenuate(PORTS[0], 110.0, NOW)
    tries = radio.parameters.frames.tries
    assert radio.carry("s", "m", 100, MHZ, NOW + 1, to_meter=True) == (False, False, tries)
    radio.attenuate(PORTS[0], 70.0, NOW + 1)
    trips = [radio.carry("s", "m", 100, MHZ, NOW + 2, to_meter=False) for _ in range(500)]
    assert {trip.tries for trip in trips} == set(range(1, tries + 1))
    assert all(trip.arrived or not trip.acknowledged for trip in trips)


def test_one_pair_s_frames_do_not_change_another_s_chances() -> None:
    def trips(busy: bool) -> list[bool]:
        radio = RadioWorld([Path(stick=s, meter="m", through=(PORTS[0],)) for s in "st"], seed=3)
        radio.attenuate(PORTS[0], 70.0, NOW)
        found = []
        for _ in range(100):
            if busy:
                radio.carry("t", "m", 100, MHZ, NOW, to_meter=True)
            found.append(radio.carry("s", "m", 100, MHZ, NOW, to_meter=True, repeat=False).arrived)
        return found

    assert trips(busy=True) == trips(busy=False)
    assert len(set(trips(busy=False))) == 2


def test_impossible_paths_are_refused() -> None:
    path = Path(stick="s", meter="m")
    falling = Path(stick="s", meter="m", insertion=((930.0, 1.0), (920.0, 1.0)))
    for paths in ([path, path], [falling]):
        with pytest.raises(RackError):
            RadioWorld(paths)


def test_impossible_figures_are_refused() -> None:
    rest = 'source = "tests"\nverified = false\n'
    figures = (
        "[frames]\nmode = '2b'\ntries = {tries}\n{rest}[attenuator]\nsettling_s = 0.1\nstep_error_db = 0.1\n{rest}"
    )
    insertion = "[insertion]\npoints = {points}\n{rest}"
    good = (figures + insertion).format(tries=1, rest=rest, points="[[900.0, 1.0]]")
    assert parse(good).frames.tries == 1
    for bad in (
        (figures + insertion).format(tries=0, rest=rest, points="[[900.0, 1.0]]"),
        (figures + insertion).format(tries=1, rest=rest, points="[[930.0, 1.0], [920.0, 1.0]]"),
        (figures + insertion).format(tries=1, rest=rest, points="[]"),
        figures.format(tries=1, rest=rest),
        "not toml",
    ):
        with pytest.raises(RackError):
            parse(bad)
