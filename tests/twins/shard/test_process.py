"""The shard on a real bus: by ticks or by the clock, through repeated ticks, restarts and a broker that goes away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from protocols import mqtt
from protocols.slots import SLOT_SECONDS, slot_end
from protocols.topics import DOWN, UP
from tests.brokers import broker, embedded_command, free_port, running
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import TREE, Answer, Reading, Shard, down_topic, messages_of, request
from twins.bus.address import BusAddress
from twins.bus.bulk import BulkLink
from twins.bus.control import ControlLink
from twins.bus.marks import Ack, Mark, Tick, read_mark
from twins.bus.state import State, read_state
from twins.clock import ClockSpec
from twins.field.areas import AreaField
from twins.shard.process import ShardProcess
from twins.shard.spec import ShardSpec

PLAN = plan((2, 8), (1, 6))
START = float(slot_end(FIRST_SLOT - 1))
END = slot_end(FIRST_SLOT + 1) + 86_400.0
PATIENCE = 20.0
VIRTUAL = ClockSpec(mode="virtual", start=START)


def spec(address: BusAddress, folder: Path, clock: ClockSpec = VIRTUAL, window: int = 1000) -> ShardSpec:
    return ShardSpec(
        run="run",
        name="s",
        plan=PLAN,
        start=0,
        stop=PLAN.meters,
        field=(AreaField(medium="direct"),) * 2,
        defects=(),
        bus=msgspec.structs.replace(address, root=TREE.root),
        clock=clock,
        master_key=bytes(range(16)),
        last_slot=FIRST_SLOT + 1,
        window=window,
        journal=str(folder / "journal"),
    )


@contextlib.contextmanager
def working(told: ShardSpec) -> Iterator[None]:
    """A shard at work in a thread; when the block ends it ends in order."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            ShardProcess(told, stop).run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert failed == []


class Others:
    """Conductor and head-end in one: gives ticks, takes what comes, acknowledges."""

    def __init__(self, address: BusAddress) -> None:
        self.states: list[State] = []
        self.link = BulkLink(address, "head-end", TREE.up_filter)
        self.control = ControlLink(address, "conductor")
        self.control.handle(TREE.state("s"), lambda topic, payload: self.states.append(read_state(payload)))
        self.link.open()
        self.control.open()

    def close(self) -> None:
        self.link.close()
        self.control.close()

    def receive(self) -> Iterator[Mark | Reading | Answer]:
        """What has come from the shard; marks that ask for it are acknowledged."""
        for run in self.link.receive(0.02):
            if run.topics[0].tobytes().decode() != TREE.mark("s", UP):
                yield from messages_of(run)
                continue
            for mark in (read_mark(payload.tobytes()) for payload in run.payloads):
                if mark.kind == "fill":
                    self.control.publish(TREE.ack("s"), Ack(epoch=mark.epoch, sequence=mark.sequence))
                yield mark

    def tick(self, number: int, moment: float) -> tuple[Mark, list[Reading | Answer]]:
        """Give a tick until it is answered: its closing mark and what came before it."""
        self.mark(number - 1)
        messages: list[Reading | Answer] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.control.publish(TREE.clock, Tick(number=number, time=moment))
            ask_again = time.monotonic() + 0.1
            while time.monotonic() < ask_again:
                for message in self.receive():
                    if not isinstance(message, Mark):
                        messages.append(message)
                    elif message.kind == "close" and message.tick == number:
                        return message, messages
        raise AssertionError(f"tick {number} stays unanswered")

    def state(self, **figures: float) -> State:
        """A state of the shard with these figures; it tells one now and then."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for state in self.states:
                if figures.items() <= state.figures.items():
                    return state
            self.link.receive(0.02)
        raise AssertionError(f"no state with {figures}; the last is {self.states[-1:]}")

    def ask(self, meter: int, counter: int) -> None:
        """Ask a meter for the first slot."""
        topic = down_topic(PLAN, meter).decode()
        self.link.send(mqtt.publish(topic, request(meter, FIRST_SLOT, FIRST_SLOT, counter)))

    def mark(self, tick: int) -> None:
        """All requests of a tick are out."""
        mark = Mark(kind="close", sender="head-end", epoch=1, sequence=0, tick=tick, time=0.0)
        self.link.send(mqtt.publish(TREE.mark("head-end", DOWN), msgspec.json.encode(mark)))


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[BusAddress]:
    with broker("embedded", tmp_path) as address:
        yield address


@pytest.fixture
def others(bus: BusAddress) -> Iterator[Others]:
    both = Others(bus)
    yield both
    both.close()


def test_ticks_bring_every_reading_and_a_tick_given_twice_brings_it_once(
    bus: BusAddress, others: Others, tmp_path: Path
) -> None:
    expected = Shard(PLAN, tmp_path / "rig", slots=2).all()
    found = []
    with working(spec(bus, tmp_path)):
        number, moment = 1, START
        while True:
            close, messages = others.tick(number, moment)
            again, repeated = others.tick(number, moment)
            found += messages
            assert repeated == []
            assert msgspec.structs.replace(again, sequence=0) == msgspec.structs.replace(close, sequence=0)
            assert (close.epoch, close.time) == (1, moment)
            if close.due is None:
                break
            assert close.due > moment
            number, moment = number + 1, close.due + 100
        state = others.state(sent=len(expected), overruns=0)
    assert sorted(found) == sorted(expected)
    assert (state.run, state.process, state.epoch) == ("run", "s", 1)


def test_what_is_asked_in_one_tick_is_answered_in_the_next(bus: BusAddress, others: Others, tmp_path: Path) -> None:
    moments = [START, START + SLOT_SECONDS, END]
    with working(spec(bus, tmp_path)):
        for number, moment in enumerate(moments[:2], start=1):
            others.tick(number, moment)
        for counter, meter in enumerate((3, 20), start=1):
            others.ask(meter, counter)
        _, messages = others.tick(3, END)
    answers = {message.topic for message in messages if isinstance(message, Answer)}
    assert answers == {down_topic(PLAN, meter).decode().replace("/down", "/up") for meter in (3, 20)}
    assert len(messages) == 2 * PLAN.meters + 2


def test_a_small_window_is_kept_with_the_head_ends_acknowledgements(
    bus: BusAddress, others: Others, tmp_path: Path
) -> None:
    with working(spec(bus, tmp_path, window=4)):
        _, messages = others.tick(1, END)
        others.state(sent=len(messages), overruns=0)
    assert len(set(messages)) == len(messages) == 2 * PLAN.meters


def test_a_shard_started_again_sends_nothing_old_and_counts_on_in_its_next_epoch(
    bus: BusAddress, others: Others, tmp_path: Path
) -> None:
    expected = Shard(PLAN, tmp_path / "rig", slots=2).all()
    with working(spec(bus, tmp_path)):
        _, before = others.tick(1, START + SLOT_SECONDS + 60)
    with working(spec(bus, tmp_path)):
        again, nothing = others.tick(1, START + SLOT_SECONDS + 60)
        others.ask(5, counter=1)
        last, after = others.tick(2, END)
    assert (again.epoch, last.epoch, nothing) == (2, 2, [])
    readings = [message for message in after if isinstance(message, Reading)]
    assert {(m.meter, m.slot, m.import_wh) for m in readings} == {
        (m.meter, m.slot, m.import_wh) for m in expected if m.slot == FIRST_SLOT + 1
    }
    assert len(after) == len(readings) + 1
    used = [(message.topic, message.counter) for message in [*before, *after]]
    assert before and len(used) == len(set(used))


def test_a_broker_that_is_killed_costs_what_was_under_way_and_nothing_more(tmp_path: Path) -> None:
    port = free_port()
    address = BusAddress(port=port)
    with running(embedded_command(port), port):
        others = Others(address)
        shard = contextlib.ExitStack()
        shard.enter_context(working(spec(address, tmp_path)))
        others.tick(1, START + SLOT_SECONDS)
    with shard, running(embedded_command(port), port):
        others.link.close()
        others.link.open(lambda: False)
        _, messages = others.tick(2, END)
        others.state(sent=len(messages), connections=2)
        shard.close()
        others.close()
    expected = Shard(PLAN, tmp_path / "rig", slots=2).all()
    assert sorted(messages) == sorted(expected)


def test_by_the_clock_readings_come_by_themselves(bus: BusAddress, others: Others, tmp_path: Path) -> None:
    clock = ClockSpec(mode="scaled", start=START, scale=7200.0, origin=time.time() + 0.3)
    expected = sorted(Shard(PLAN, tmp_path / "rig", slots=2).all())
    found: list[Reading | Answer] = []
    deadline = time.monotonic() + PATIENCE
    with working(spec(bus, tmp_path, clock)):
        while len(found) < len(expected) and time.monotonic() < deadline:
            found += [message for message in others.receive() if not isinstance(message, Mark)]
        others.ask(5, counter=1)
        answer = None
        while answer is None and time.monotonic() < deadline:
            answer = next((message for message in others.receive() if isinstance(message, Answer)), None)
    assert sorted(found) == expected
    assert answer is not None


def test_strangers_on_the_clocks_and_the_marks_topics_do_no_harm(
    bus: BusAddress, others: Others, tmp_path: Path
) -> None:
    with working(spec(bus, tmp_path)):
        others.tick(1, START)
        for payload in (b"\xff", b'{"number":"\xff"}', b"[" * 50_000):
            for topic in (TREE.clock, TREE.ack("s"), TREE.mark("head-end", DOWN), down_topic(PLAN, 2).decode()):
                others.link.send(mqtt.publish(topic, payload))
        _, messages = others.tick(2, END)
    assert len(messages) == 2 * PLAN.meters
