"""One twin as a DLMS device: everything it has put together, ready for connections."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from protocols.dlms.acse import Mechanism
from protocols.dlms.association import sap_list
from protocols.dlms.axdr import Data, array, octets
from protocols.dlms.device import LogicalDevice
from protocols.dlms.hdlc_server import HdlcConnection
from protocols.dlms.image import Status
from protocols.dlms.keys import KeyRing
from protocols.dlms.objects import Attr, CosemObject, ObjectModel
from protocols.dlms.roles import EVERYBODY, HAND_TERMINAL, IDENTIFIED, ON_SITE_ROLES, READER
from protocols.dlms.security_setup import receive_counter_object, security_setup_object
from protocols.dlms.values import enum, uint8, uint16, uint32
from protocols.dlms.wrapper import PORT
from twins.device.device import Device
from twins.device.factory import event_codes, factory, factory_parts
from twins.device.image import ImageFile, version_of
from twins.dlms import names
from twins.dlms.control import control_objects, image_object
from twins.dlms.instruments import attached_meters, instruments
from twins.dlms.push import Pusher, factory_push, push_object
from twins.dlms.records import records
from twins.dlms.security import TwinSecurity, factory_secrets, reader_password, terminal_password
from twins.memory.journal import MemoryJournal
from twins.memory.memory import MeterMemory
from twins.meter.clock import Clocks
from twins.meter.view import MeterView

CONNECTIONS = 4
"""TCP connections that a meter takes at a time; our own choice."""
IDLE_SECONDS = 300
"""Silence after which a connection is closed; our own choice."""

_REPORTED = frozenset({"booking_done", "booking_refused", "limit_exceeded", "limit_kept", "image_activated"})
_REPORTED_CODES = frozenset(event_codes()[name] for name in _REPORTED)  # what nobody waits for an answer of


class TwinDevice:
    """A twin with its objects.

    ``attached`` are the gas and water meters that are read through it (requirement A15), ``defects`` planted faults by
    name; ``random`` gives so many random bytes.
    """

    def __init__(
        self,
        view: MeterView,
        clocks: Clocks,
        journal: MemoryJournal,
        master: bytes,
        *,
        attached: Sequence[MeterView] = (),
        defects: Collection[str] = (),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.title, planted = view.identity.title, frozenset(defects)
        parts = factory_parts(view) | {
            "secrets": factory_secrets(KeyRing(master), self.title),
            "push": factory_push(),
        }
        memory = MeterMemory(journal, view.index, parts)
        self.device = Device(view, clocks, memory, ignores_bookings="ignores-booking" in planted)
        self.security = TwinSecurity(self.device, self.title, forgets="accepts-replay" in planted)
        self.password = reader_password(master, self.title)
        self.terminal_password = terminal_password(master, self.title)
        self.logical = LogicalDevice(
            ObjectModel(()),
            self.security,
            random,
            {READER: self.password},
            holds=(lambda right, given: True) if "accepts-wrong-password" in planted else hmac.compare_digest,
            max_pdu=factory().dlms.max_pdu,
        )
        self._on_site = self._at_the_optical_port(planted)
        self._repeats = "repeats-on-site" in planted
        self.pusher = Pusher(self.device, self.security, lambda: self.logical.objects)
        self._file = ImageFile(journal.folder / "images" / f"{view.index}.bin")
        image, self._transfer = image_object(self.device, self._file, planted)
        for each in (*self._objects(planted), *attached_meters(self.device, attached), image):
            self.logical.objects.add(each)
        self.device.told, self.device.restarted = self._told, self._restarted
        if "forgets-settings" in planted:
            self._forget_settings()
            self.device.started.append(self._forget_settings)
        self._finish_activation()

    def optical(self) -> HdlcConnection:
        """The optical port with nothing on it."""
        return HdlcConnection(self._on_site, repeats=self._repeats)

    def _at_the_optical_port(self, defects: frozenset[str]) -> LogicalDevice:
        """The same device for whoever stands in front of the meter: also for a hand terminal, with its password."""
        terminal = ON_SITE_ROLES[HAND_TERMINAL]
        if "optical-open" in defects:
            terminal = replace(terminal, mechanism=Mechanism.NONE)
        return replace(
            self.logical,
            roles={**ON_SITE_ROLES, HAND_TERMINAL: terminal},
            passwords={**self.logical.passwords, HAND_TERMINAL: self.terminal_password},
        )

    def _objects(self, defects: frozenset[str]) -> list[CosemObject]:
        return [
            *_names(self.device),
            *_network(),
            *_read_by(EVERYBODY if "public-reads-energy" in defects else None, instruments(self.device)),
            *records(self.device, defects),
            *control_objects(self.device, defects),
            push_object(self.device, self.pusher),
            security_setup_object(self.security),
            receive_counter_object(self.security),
        ]

    def _forget_settings(self) -> None:
        """The planted defect of a meter that begins with the limit it left the factory with."""
        self.device.memory.limiter = self.device.memory.factory("limiter")

    def _told(self, code: int) -> None:
        if code in _REPORTED_CODES:
            self.pusher.tell(code)

    def _restarted(self) -> None:
        self._transfer.activated(True)

    def _finish_activation(self) -> None:
        """A meter that was cut off between its restart and the note of it."""
        if self._transfer.state.status is Status.ACTIVATION_INITIATED and self.device.memory.restart is None:
            runs = version_of(self._file.read(self._transfer.state.size), self._transfer.state.identifier)
            if self.device.memory.firmware == runs:
                self._restarted()


def _read_by(clients: frozenset[int] | None, objects: list[CosemObject]) -> list[CosemObject]:
    """Objects whose attributes these clients may read; as they are, where none are given."""
    if clients is None:
        return objects
    return [
        replace(each, attributes={name: replace(attr, read=clients) for name, attr in each.attributes.items()})
        for each in objects
    ]


def _names(device: Device) -> list[CosemObject]:
    who = device.view.identity
    logical_name = f"TWN{device.view.index:013d}".encode()

    def last_event() -> Data:
        events = device.memory.events
        return uint16(events[-1].code if events else 0)

    def data(name: bytes, value: Data | Callable[[], Data], read: frozenset[int] = IDENTIFIED) -> CosemObject:
        return CosemObject(1, name, {"value": Attr(value, read=read)})

    return [
        CosemObject(17, names.obis(0, 0, 41, 0, 0), {"sap_assignment_list": Attr(sap_list(1, logical_name))}),
        data(names.obis(0, 0, 42, 0, 0), octets(logical_name), EVERYBODY),
        data(names.SERIAL, octets(who.serial.encode())),
        data(names.FIRMWARE, lambda: octets(device.memory.firmware.encode("ascii", "replace"))),
        data(names.STATUS, uint8(0)),
        data(names.EVENT_CODE, last_event),
        data(names.POWER_FAILURES, lambda: uint32(device.memory.power_failures)),
    ]


def _network() -> list[CosemObject]:
    ipv6 = names.obis(0, 0, 25, 7, 0)
    return [
        CosemObject(
            41,
            names.obis(0, 0, 25, 0, 0),
            {
                "tcp_udp_port": Attr(uint16(PORT), read=IDENTIFIED),
                "ip_reference": Attr(octets(ipv6), read=IDENTIFIED),
                "mss": Attr(uint16(576), read=IDENTIFIED),
                "nb_of_sim_conn": Attr(uint8(CONNECTIONS), read=IDENTIFIED),
                "inactivity_time_out": Attr(uint16(IDLE_SECONDS), read=IDENTIFIED),
            },
        ),
        CosemObject(
            48,
            ipv6,
            {
                "dl_reference": Attr(octets(bytes(6)), read=IDENTIFIED),  # no object of a data link
                "address_config_mode": Attr(enum(0), read=IDENTIFIED),
                "unicast_ipv6_addresses": Attr(array(octets(bytes(15) + b"\x01")), read=IDENTIFIED),
                "multicast_ipv6_addresses": Attr(array(), read=IDENTIFIED),
                "gateway_ipv6_addresses": Attr(array(), read=IDENTIFIED),
                "primary_dns_address": Attr(octets(bytes(16)), read=IDENTIFIED),
                "secondary_dns_address": Attr(octets(bytes(16)), read=IDENTIFIED),
                "traffic_class": Attr(uint8(0), read=IDENTIFIED),
                "neighbor_discovery_setup": Attr(array(), read=IDENTIFIED),
            },
        ),
    ]
