from __future__ import annotations

import math

import pytest

from twins.rack.world.output import Output, Piece, Point

T = 1_700_000_000.0


def point(volts: float, hertz: float = 50.0) -> Point:
    return Point((volts,), (0.0,), hertz)


def playing(repeat: float = 1) -> Output:
    output = Output(point(100))
    output.on = True
    output.play((Piece(point(40), point(40), 0.2), Piece(point(40), point(100), 1.0)), repeat, T)
    return output


def test_nothing_is_put_out_while_it_is_off_and_the_programme_runs_on_behind() -> None:
    output = playing()
    output.on = False
    assert output.at(T + 0.1).volts == (0.0,)
    output.on = True
    assert output.at(T + 0.7).volts[0] == pytest.approx(70)


def test_a_dip_and_a_ramp_are_put_out_in_time() -> None:
    output = playing()
    assert [round(output.at(T + after).volts[0], 3) for after in (0, 0.199, 0.2, 0.7, 1.19)] == [40, 40, 40, 70, 99.4]


def test_the_last_piece_stands_until_it_is_stopped() -> None:
    output = playing()
    output.setting = point(80)
    assert output.at(T + 5).volts == (100.0,) and output.progress(T + 5) is None
    output.stop()
    assert output.at(T + 5).volts == (80.0,)


def test_progress_counts_pieces_and_rounds() -> None:
    where = playing(repeat=3).progress(T + 1.2 + 0.5)
    assert where is not None
    assert (where.piece, where.round) == (1, 1)
    assert playing(repeat=3).progress(T + 3.6) is None
    assert playing(repeat=math.inf).progress(T + 1e6) is not None


def test_constant_stretches_are_long_and_ramps_are_cut_small() -> None:
    output = playing()
    assert output.until(T) == pytest.approx(T + 0.2, abs=1e-5)
    assert output.until(T + 0.5) - (T + 0.5) == pytest.approx(0.005, abs=1e-5)
    assert output.until(T + 2) == math.inf
