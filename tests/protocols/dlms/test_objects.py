import pytest

from protocols.dlms.apdu import Attribute
from protocols.dlms.axdr import Data, DataType, octets
from protocols.dlms.errors import EncodeError
from protocols.dlms.interface_classes import CLASSES
from protocols.dlms.objects import Attr, Call, CosemObject, ObjectModel
from protocols.dlms.roles import MANAGEMENT, PUBLIC
from protocols.dlms.values import uint32

NAME = bytes([0, 0, 96, 1, 0, 255])


def test_the_classes_of_the_reference_are_all_there() -> None:
    assert CLASSES.keys() == {1, 3, 4, 7, 8, 9, 15, 17, 18, 22, 40, 41, 48, 64, 70, 71}


@pytest.mark.parametrize("class_id", CLASSES)
def test_each_class_counts_its_attributes_from_two_and_its_methods_from_one(class_id: int) -> None:
    found = CLASSES[class_id]
    numbers = [spec.number for spec in found.attributes.values()]
    assert numbers == list(range(2, 2 + len(numbers)))
    assert list(found.methods.values()) == list(range(1, 1 + len(found.methods)))


@pytest.mark.parametrize(
    ("class_id", "obis", "attributes", "methods"),
    [
        (2, NAME, {}, {}),
        (1, NAME[:5], {}, {}),
        (1, NAME, {"valeu": Attr(octets(b""))}, {}),
        (3, NAME, {}, {"rest": Call(lambda parameters: None)}),
    ],
)
def test_what_no_class_has_cannot_be_declared(
    class_id: int, obis: bytes, attributes: dict[str, Attr], methods: dict[str, Call]
) -> None:
    with pytest.raises(EncodeError):
        CosemObject(class_id, obis, attributes, methods)


def test_a_value_against_its_class_is_the_providers_own_fault() -> None:
    model = ObjectModel([CosemObject(7, NAME, {"capture_period": Attr(Data(DataType.UINT16, 1800))})])
    with pytest.raises(EncodeError, match="capture_period"):
        model.read(MANAGEMENT, Attribute(7, NAME, 4), None)


def test_a_value_may_come_encoded_already() -> None:
    model = ObjectModel([CosemObject(1, NAME, {"value": Attr(lambda: bytes.fromhex("0600000007"))})])
    assert model.read(PUBLIC, Attribute(1, NAME, 2), None) == bytes.fromhex("0600000007")
    assert model.read(PUBLIC, Attribute(1, NAME, 1), None) == b"\x09\x06" + NAME


def test_an_extended_model_leaves_the_first_one_alone() -> None:
    model = ObjectModel([CosemObject(1, NAME, {"value": Attr(uint32(1))})])
    other = model.extended(CosemObject(1, NAME, {"value": Attr(uint32(2))}))
    assert model.read(PUBLIC, Attribute(1, NAME, 2), None)[-1] == 1
    assert other.read(PUBLIC, Attribute(1, NAME, 2), None)[-1] == 2
