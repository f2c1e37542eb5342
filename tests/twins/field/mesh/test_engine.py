"""Hidden terminals, relays, acknowledgements, capture: what the engine does with a few nodes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twins.field.mesh.worlds import AT_ONCE, play, quiet
from twins.field.mesh.codes import ACCESS, COLLISION, DEAF, DELIVERED, NO_ROUTE, QUEUE, UNDER_WAY, WEAK
from twins.field.mesh.parameters import Mac
from twins.field.rules.parameters import MICROSECOND, MILLISECOND, SECOND

LOUD = 1e6
CSMA = Mac(
    counting=False,
    slot=1080 * MICROSECOND,
    first_window=8,
    doublings=2,
    busy_limit=8,
    retries=7,
    sense=128 * MICROSECOND,
    level_mw=1.0,
    turnaround=MILLISECOND,
    gap=0,
    ack=2240 * MICROSECOND,
    ack_gap=MILLISECOND,
    ack_wait=2 * MILLISECOND,
    queue=8,
)
AIR = 14_240 * MICROSECOND


def star(n: int, *, hidden: bool) -> np.ndarray:
    """A root that hears everybody; the others hear each other, or not."""
    gain = np.full((n, n), 0.0 if hidden else LOUD)
    gain[0, :] = gain[:, 0] = LOUD
    return gain


def pairs(count: int, seed: int) -> np.ndarray:
    """Times at which two nodes get a packet within one frame time, again and again."""
    at = np.repeat(np.arange(count) * SECOND, 2)
    return np.sort(at + np.random.default_rng(seed).integers(0, AIR, 2 * count))


@pytest.mark.parametrize(("hidden", "least", "most"), [(False, 0.8, 1.0), (True, 0.0, 0.35)])
def test_hidden_terminals_collide_and_others_wait(hidden: bool, least: float, most: float) -> None:
    at = pairs(2000, 1)
    mac = CSMA._replace(retries=0)
    packets, world = play(
        quiet(star(3, hidden=hidden)), mac, [-1, 0, 0], at, 1 + np.arange(4000) % 2, air=AIR, bits=1328
    )
    assert least < (packets["outcome"] == DELIVERED).mean() <= most
    lost = packets["outcome"][packets["outcome"] != DELIVERED]
    assert set(lost.tolist()) <= {COLLISION, DEAF, ACCESS}
    assert (world.nodes["busy"].sum() > 500) != hidden


def test_spread_retries_part_hidden_terminals() -> None:
    at, origin = pairs(1000, 2), 1 + np.arange(2000) % 2
    at_once, _ = play(quiet(star(3, hidden=True)), CSMA, [-1, 0, 0], at, origin, air=AIR, bits=1328)
    spread, _ = play(
        quiet(star(3, hidden=True)), CSMA._replace(spread=300 * MILLISECOND), [-1, 0, 0], at, origin, air=AIR, bits=1328
    )
    assert (spread["outcome"] == DELIVERED).mean() > max(0.999, (at_once["outcome"] == DELIVERED).mean())
    assert spread["tries"].mean() < at_once["tries"].mean()


def test_a_much_louder_frame_is_captured_and_a_later_one_is_not() -> None:
    gain = np.zeros((3, 3))
    gain[1, 0], gain[2, 0] = 1e6, 1e3
    packets, _ = play(quiet(gain), AT_ONCE, [-1, 0, 0], [0, 1000], [1, 2], air=AIR, bits=1328)
    assert packets["outcome"].tolist() == [DELIVERED, DEAF]
    packets, _ = play(quiet(gain), AT_ONCE, [-1, 0, 0], [0, 1000], [2, 1], air=AIR, bits=1328)
    assert packets["outcome"].tolist() == [COLLISION, DEAF]


def test_interference_counts_only_while_it_lasts() -> None:
    gain = np.zeros((3, 3))
    gain[1, 0], gain[2, 0] = 30.0, 1.0
    late = AIR - 1
    packets, _ = play(quiet(gain), AT_ONCE, [-1, 0, 0], [0, late], [1, 2], air=AIR, bits=1328)
    assert packets["outcome"][0] == DELIVERED


def test_powers_of_interferers_add_up() -> None:
    n, tries = 12, 200
    gain = np.zeros((n, n))
    gain[:, 0], gain[1, 0] = 20.0, 300.0
    at = np.repeat(np.arange(tries) * SECOND, n - 1)
    origin = np.tile(np.arange(1, n), tries)
    few, _ = play(quiet(gain), AT_ONCE, [-1] + [0] * (n - 1), at[origin < 3], origin[origin < 3], air=AIR, bits=1328)
    many, _ = play(quiet(gain), AT_ONCE, [-1] + [0] * (n - 1), at, origin, air=AIR, bits=1328)
    assert (few["outcome"][few["origin"] == 1] == DELIVERED).mean() > 0.5
    assert (many["outcome"][many["origin"] == 1] == COLLISION).all()


def test_noise_alone_makes_frames_too_weak() -> None:
    packets, _ = play(quiet(np.full((2, 2), 1e-3)), CSMA, [-1, 0], [0], [1], air=AIR, bits=1328)
    assert packets["outcome"][0] == WEAK
    assert packets["tries"][0] == 8
    assert packets["lost_at"][0] == 1


def test_a_packet_whose_acknowledgement_is_lost_arrives_once() -> None:
    gain = np.array([[0.0, 1e-6, 0.0], [LOUD, 0.0, 1e-6], [0.0, LOUD, 0.0]])
    patient = CSMA._replace(busy_limit=1000)  # the relay hears the first node's repetitions
    packets, world = play(quiet(gain), patient, [-1, 0, 1], [0, SECOND], [2, 2], air=AIR, bits=1328)
    assert packets["outcome"].tolist() == [DELIVERED, DELIVERED]
    assert packets["hops"].tolist() == [2, 2]
    assert packets["tries"].tolist() == [16, 16]  # every sender used up its tries for want of an answer
    assert world.nodes["acked"].sum() == 0


def test_a_relay_keeps_a_queue_and_drops_what_does_not_fit() -> None:
    n = 13
    gain = star(n, hidden=False)
    at, origin = np.arange(20) * MICROSECOND, np.full(20, 1)
    packets, _ = play(quiet(gain), CSMA, [-1] + [0] * (n - 1), at, origin, air=AIR, bits=1328)
    assert (packets["outcome"] == QUEUE).sum() == 20 - 1 - CSMA.queue
    assert (packets["outcome"] == DELIVERED).sum() == 1 + CSMA.queue
    assert (np.diff(packets["end"][packets["outcome"] == DELIVERED]) > AIR).all()


def test_packets_go_down_the_tree_and_islands_have_no_route() -> None:
    parent = [-1, 0, 1, 1, -1]
    gain = np.full((5, 5), LOUD)
    packets, _ = play(
        quiet(gain),
        CSMA,
        parent,
        np.arange(4) * SECOND,
        [0, 2, 4, 0],
        air=AIR,
        bits=1328,
        target=np.array([3, 3, 0, 4]),
    )
    assert packets["outcome"].tolist() == [DELIVERED, DELIVERED, NO_ROUTE, NO_ROUTE]
    assert packets["hops"].tolist() == [2, 2, 0, 0]


def test_what_is_not_over_at_the_end_is_under_way() -> None:
    packets, _ = play(quiet(np.full((2, 2), LOUD)), CSMA, [-1, 0], [0, SECOND], [1, 1], air=AIR, bits=8, until=AIR)
    assert packets["outcome"].tolist() == [UNDER_WAY, UNDER_WAY]


def test_a_carrier_that_never_ends_stops_access() -> None:
    packets, world = play(
        quiet(star(3, hidden=False)), CSMA, [-1, 0, 0], [0, 30 * MILLISECOND], [1, 2], air=60 * SECOND, bits=8
    )
    assert packets["outcome"].tolist() == [DELIVERED, ACCESS]
    assert world.nodes["busy"][2] == CSMA.busy_limit + 1


def test_frames_on_other_channels_do_not_meet() -> None:
    n = 4
    ether = quiet(np.full((n, n), LOUD))._replace(channel=np.array([[0], [0], [1], [5]], dtype=np.int16))
    at, origin, target = [0, 0], [0, 3], np.array([1, 2])
    apart = ether._replace(channel=np.array([[9], [0], [5], [9]], dtype=np.int16))
    parent = [-1, 0, 0, 2]
    clean, _ = play(apart, AT_ONCE, parent, at, origin, air=AIR, bits=1328, target=target)
    assert clean["outcome"].tolist() == [DELIVERED, DELIVERED]
    beside = ether._replace(neighbour=0.5, channel=np.array([[9], [0], [1], [9]], dtype=np.int16))
    struck, _ = play(beside, AT_ONCE, parent, at, origin, air=AIR, bits=1328, target=target)
    assert struck["outcome"].tolist() == [COLLISION, COLLISION]


def test_who_does_not_listen_still_answers_first() -> None:
    chatty = CSMA._replace(sense=0)
    at = np.sort(np.random.default_rng(4).integers(0, 100 * SECOND, 600))
    origin = np.random.default_rng(5).integers(1, 3, 600)
    packets, world = play(quiet(np.full((3, 3), LOUD)), chatty, [-1, 0, 1], at, origin, air=AIR, bits=1328, log=20_000)
    assert (packets["outcome"] == DELIVERED).sum() > 100
    for node in range(3):
        frames = world.log[: world.counts[1]][world.log["sender"][: world.counts[1]] == node]
        assert (frames["begin"][1:] >= frames["end"][:-1]).all()
