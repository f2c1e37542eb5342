"""The engine against laws that others have printed: Bianchi, ALOHA, M/D/1, chains (field-network §3.4, §3.5)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.twins.field.mesh.worlds import AT_ONCE, play, quiet
from twins.field.checks import FieldError
from twins.field.mesh.codes import DELIVERED
from twins.field.mesh.saturation import DSSS_1_MBPS, Dcf, deaf_to_overlaps, throughput
from twins.field.physics.fsk import eb_n0_for
from twins.field.rules.parameters import MICROSECOND, MILLISECOND, SECOND

PRINTED = (0.8437, 0.7861, 0.7496, 0.7226, 0.7016, 0.6847, 0.6686, 0.6549, 0.6435, 0.6336)

PRINTED_EIFS = {
    "DsssRate1Mbps": {5: 0.8418, 10: 0.7831, 25: 0.6973, 50: 0.6285},
    "DsssRate11Mbps": {5: 6.3821, 10: 6.0269, 25: 5.4217, 50: 4.9103},
    "OfdmRate54Mbps": {5: 29.2861, 10: 27.3763, 25: 24.6808, 50: 22.4162},
}
"""Mb/s by mode and stations: ns-3, ``src/wifi/examples/wifi-bianchi.cc``, the table of expected values for EIFS."""

DSSS_11_MBPS = DSSS_1_MBPS._replace(data=1.310e-3, ack=248e-6)


def bianchi(dcf: Dcf, n: int) -> float:
    """Saturation throughput in Mb/s by the formula of field-network §3.4, its root found by halving."""
    window, stages = dcf.window, dcf.doublings
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        tau = (low + high) / 2
        p = 1 - (1 - tau) ** (n - 1)
        wanted = 2 / (1 + window + p * window * sum((2 * p) ** i for i in range(stages)))
        low, high = (tau, high) if wanted > tau else (low, tau)
    some = 1 - (1 - tau) ** n
    one = n * tau * (1 - tau) ** (n - 1) / some
    again = 1 / window
    success = (dcf.data + dcf.sifs + dcf.ack + dcf.difs) / (1 - again) + dcf.slot
    collision = dcf.data + (dcf.difs if dcf.eifs is None else dcf.eifs)
    time = (1 - some) * dcf.slot + some * one * success + some * (1 - one) * collision
    return one * some * dcf.payload / (1 - again) / time / 1e6


def ofdm(bits_a_symbol: int, ack_bits_a_symbol: int) -> Dcf:
    """802.11a at a rate: 4 µs symbols after 20 µs of preamble."""

    def air(bits: int, symbol: int) -> float:
        return 20e-6 + 4e-6 * math.ceil(bits / symbol)

    data = air(16 + 224 + 12000 + 48 + 6, bits_a_symbol)
    return Dcf(16, 6, 9e-6, 16e-6, 34e-6, data, air(16 + 112 + 6, ack_bits_a_symbol))


@pytest.mark.parametrize(("n", "printed"), list(zip(range(5, 51, 5), PRINTED, strict=True)))
def test_saturation_throughput_agrees_with_the_printed_row(n: int, printed: float) -> None:
    assert bianchi(DSSS_1_MBPS, n) == pytest.approx(printed, rel=2e-3)
    assert throughput(DSSS_1_MBPS, n, seconds=60, seed=n) == pytest.approx(printed, rel=0.015)


@pytest.mark.parametrize("n", [5, 50])
@pytest.mark.parametrize("dcf", [ofdm(24, 24), ofdm(96, 96), ofdm(216, 96)])
def test_saturation_throughput_agrees_with_the_formula_for_other_constants(dcf: Dcf, n: int) -> None:
    assert throughput(dcf, n, seconds=20_000 * dcf.data, seed=1) == pytest.approx(bianchi(dcf, n), rel=0.015)


def cautious(dcf: Dcf) -> Dcf:
    """The same with an EIFS as in ns-3's tables: room for the mode's own acknowledgement before the DIFS."""
    return dcf._replace(eifs=dcf.sifs + dcf.ack + dcf.difs)


@pytest.mark.parametrize("n", [5, 10, 25, 50])
@pytest.mark.parametrize("mode", PRINTED_EIFS)
def test_saturation_throughput_agrees_with_the_printed_rows_for_an_eifs(mode: str, n: int) -> None:
    constants = {"DsssRate1Mbps": DSSS_1_MBPS, "DsssRate11Mbps": DSSS_11_MBPS, "OfdmRate54Mbps": ofdm(216, 96)}
    dcf, printed = cautious(constants[mode]), PRINTED_EIFS[mode][n]
    assert bianchi(dcf, n) == pytest.approx(printed, rel=2e-3)
    assert throughput(dcf, n, seconds=20_000 * dcf.data, seed=1) == pytest.approx(printed, rel=0.015)


def test_an_eifs_as_short_as_a_difs_changes_nothing_and_a_shorter_one_is_refused() -> None:
    dcf = ofdm(216, 96)
    usual = throughput(dcf, 10, seconds=1.0, seed=1)
    assert throughput(dcf._replace(eifs=dcf.difs), 10, seconds=1.0, seed=1) == usual
    assert throughput(cautious(dcf), 10, seconds=1.0, seed=1) < usual
    with pytest.raises(FieldError, match="EIFS"):
        throughput(dcf._replace(eifs=dcf.sifs), 10, seconds=1.0, seed=1)


@pytest.mark.parametrize("caution", [0, 314 * MICROSECOND])
def test_all_wait_longer_after_a_spoiled_frame_and_a_gap_after_any_other(caution: int) -> None:
    slot, gap, answer, air = 20 * MICROSECOND, 50 * MICROSECOND, 10 * MICROSECOND, MILLISECOND
    mac = AT_ONCE._replace(
        counting=True, slot=slot, first_window=4, doublings=2, retries=-1, level_mw=0.5,
        gap=gap, caution=caution, ack=304 * MICROSECOND, ack_gap=answer, ack_wait=gap + caution,
    )  # fmt: skip
    count, stations = 400, 4
    packets, world = play(
        deaf_to_overlaps(stations + 1), mac, [-1] + [0] * stations, np.zeros(count), 1 + np.arange(count) % stations,
        air=air, bits=12_000, log=20 * count,
    )  # fmt: skip
    assert (packets["outcome"] == DELIVERED).all()
    frames = world.log[world.log["end"] > 0]
    begin, first, together = np.unique(frames["begin"], return_index=True, return_counts=True)
    wait = begin[1:] - frames["end"][first][:-1]
    spoiled, acked = together[:-1] > 1, frames["answer"][first][:-1]
    assert (wait[~spoiled & ~acked] == answer).all()
    for after, least in ((acked, gap), (spoiled, gap + caution)):
        slots, rest = np.divmod(wait[after] - least, slot)
        assert after.sum() > 50
        assert slots.min() == 0
        assert not rest.any()


def test_nothing_cannot_saturate_a_channel() -> None:
    with pytest.raises(FieldError):
        throughput(DSSS_1_MBPS, 0, 1.0, 1)
    with pytest.raises(FieldError):
        throughput(DSSS_1_MBPS, 5, 0.0, 1)


@pytest.mark.parametrize("slotted", [False, True])
@pytest.mark.parametrize("load", [0.1, 0.5, 1.0])
def test_aloha(load: float, *, slotted: bool) -> None:
    nodes, count, air = 400, 200_000, 10 * MILLISECOND
    at = np.cumsum(np.random.default_rng(1).exponential(air / load, count)).astype(np.int64)
    begin = -(-at // air) * air if slotted else at
    # Nodes take turns, so that nobody still sends when the next packet comes; a bit of overlap spoils a frame.
    origin = 1 + np.arange(count) % (nodes - 1)
    mac = AT_ONCE._replace(align=air if slotted else 0)
    parent = [-1] + [0] * (nodes - 1)
    packets, _ = play(deaf_to_overlaps(nodes), mac, parent, at, origin, air=air, bits=10_000_000)
    apart = np.diff(begin, prepend=-air, append=begin[-1] + air) >= air
    arrived = packets["outcome"] == DELIVERED
    assert (arrived != (apart[1:] & apart[:-1])).sum() <= 2  # packet by packet; overlaps of nanoseconds may pass
    expected = math.exp(-load * (1 if slotted else 2))
    # Neighbouring packets share their fate; those of different batches do not.
    sigma = arrived.reshape(50, -1).mean(axis=1).std(ddof=1) / math.sqrt(50)
    assert sigma < 0.01 * expected
    assert arrived.mean() == pytest.approx(expected, abs=max(0.01 * expected, 3 * sigma))


def waits_of(at: np.ndarray, service: float) -> np.ndarray:
    """Waiting times before one server by Lindley's recursion, for all arrivals at once."""
    ahead = at - np.arange(len(at)) * service
    return np.asarray(np.maximum.accumulate(ahead) - ahead)


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_a_queue_with_constant_service(load: float) -> None:
    air, count = 29_500 * MICROSECOND, 200_000
    at = np.cumsum(np.random.default_rng(5).exponential(air / load, count)).astype(np.int64)
    packets, _ = play(
        quiet(np.full((2, 2), 1e3)), AT_ONCE, [-1, 0], at, np.ones(count, dtype=np.int64), air=air, bits=8
    )
    assert (packets["end"] - at - air == waits_of(at, air)).all()


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_the_waits_of_such_a_queue_have_the_mean_of_the_law(load: float) -> None:
    # Waits that follow each other are alike, so that the mean of 10 million has a spread of 0.5 % at 0.9.
    at = np.cumsum(np.random.default_rng(5).exponential(1 / load, 10_000_000))
    assert waits_of(at, 1.0).mean() == pytest.approx(load / (2 * (1 - load)), rel=0.01)


@pytest.mark.parametrize(
    ("retries", "hops", "printed"), [(3, 5, 0.9602), (3, 10, 0.9219), (3, 24, 0.8227), (7, 24, 0.9984)]
)
def test_delivery_along_a_chain(retries: int, hops: int, printed: float) -> None:
    p, length, count = 0.3, 166, 10_000
    gain = np.zeros((hops + 1, hops + 1))
    above = np.arange(hops)
    gain[above + 1, above] = eb_n0_for(p, length)
    at = np.arange(count) * SECOND  # one packet at a time
    mac = AT_ONCE._replace(retries=retries)
    packets, _ = play(quiet(gain), mac, [-1, *range(hops)], at, np.full(count, hops), air=MILLISECOND, bits=8 * length)
    arrived = packets["outcome"] == DELIVERED
    one = 1 - p ** (retries + 1)
    assert one**hops == pytest.approx(printed, abs=5e-5)
    assert arrived.mean() == pytest.approx(printed, abs=3 * math.sqrt(printed * (1 - printed) / count))
    assert (packets["hops"][arrived] == hops).all()
    assert packets["tries"][arrived].mean() < hops * one / (1 - p) < packets["tries"][arrived].mean() * 1.05
