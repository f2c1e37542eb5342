from __future__ import annotations

import re

from twins.meter.identity import identity, route_b, route_b_number
from twins.meter.parameters import generation_parameters
from twins.plan import meter_id, system_title

MASTER = bytes(range(16))
GENERATIONS = generation_parameters().generation["LV"]


def test_a_hundred_thousand_meters_have_as_many_identities() -> None:
    count = 100_000
    credentials = [route_b(MASTER, index) for index in range(count)]
    assert len({c.id for c in credentials}) == count
    assert len({c.password for c in credentials}) == count
    identities = [identity(index, GENERATIONS["current"]) for index in range(count)]
    assert len({i.serial for i in identities}) == len({i.title for i in identities}) == count


def test_credentials_have_the_form_that_a_home_is_given() -> None:
    for index in (0, 42, 2**40 - 1):
        for issue in (0, 1):
            credentials = route_b(MASTER, index, issue)
            assert re.fullmatch(r"[0-9A-F]{32}", credentials.id)
            assert re.fullmatch(r"[0-9A-Z]{12}", credentials.password)
            number = route_b_number(MASTER, index, issue)
            assert len(number) == 16 and number[0] == 0 and number.hex().upper() == credentials.id
            assert number[1:4] == identity(index, GENERATIONS["next"]).maker


def test_credentials_hang_on_master_meter_and_issue_and_on_nothing_else() -> None:
    own = route_b(MASTER, 42)
    assert own == route_b(MASTER, 42, 0)
    others = [route_b(MASTER, 43), route_b(MASTER, 42, 1), route_b(bytes(16), 42)]
    assert all(own.id != other.id and own.password != other.password for other in others)


def test_a_password_is_not_printed_by_accident() -> None:
    credentials = route_b(MASTER, 42)
    assert credentials.password not in repr(credentials)


def test_all_characters_occur_in_passwords_about_equally_often() -> None:
    text = "".join(route_b(MASTER, index).password for index in range(3000))
    counts = [text.count(letter) for letter in set(text)]
    assert len(counts) == 36 and min(counts) > 800 and max(counts) < 1200


def test_an_identity_says_who_made_what() -> None:
    old, new = (identity(42, GENERATIONS[name]) for name in ("current", "next"))
    assert old.meter == meter_id(42) and old.serial == "000000000042" and old.title == system_title(42)
    assert len(old.maker) == 3
    assert old.firmware != new.firmware and old.product != new.product
    for text in (old.serial, old.product, new.product):
        assert len(text) <= 12 and text.isascii(), "ECHONET has 12 bytes for each"
