"""What is made of a few fields is made once, as long as they are short and there are not too many."""

from __future__ import annotations

from collections.abc import Callable

from mailframe.message import headers
from mailframe.message.headers import Index
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.remembering import REMEMBERED_OCTETS, remembered


def counted(made: list[Index], most: int = 10) -> Callable[[bytes, Limits], str]:
    """Return a function of a header that notes each time that it has to look at the fields A and B."""

    def read(index: Index, limits: Limits) -> str:
        made.append(index)
        return f"{index} {limits.parts}"

    look_up = remembered((b"a", b"b"), read, most)
    return lambda head, limits: look_up(headers.index(head), limits)


def test_the_same_fields_are_looked_at_once_whatever_stands_beside_them() -> None:
    made: list[Index] = []
    look_up = counted(made)
    first = look_up(b"A: 1\r\nC: 2\r\n\r\n", DEFAULT)
    assert look_up(b"C: 3\r\na: 1\r\n\r\n", DEFAULT) == first
    assert made == [{b"a": [b" 1\r"]}]


def test_other_values_another_order_and_other_limits_are_looked_at_anew() -> None:
    made: list[Index] = []
    look_up = counted(made)
    heads = b"|A:1|A:2|B:1|A:1,B:1|A:1,A:2|A:2,A:1|A:|A:,A:".replace(b",", b"\n").split(b"|")
    several = [look_up(head, limits) for head in heads for limits in (DEFAULT, Limits(parts=1))]
    assert len(set(several)) == len(several) == len(made)


def test_long_fields_and_many_of_them_are_not_remembered() -> None:
    made: list[Index] = []
    look_up = counted(made)
    fits, too_long = (b"A:" + b"x" * (REMEMBERED_OCTETS - more) + b"\n" for more in (1, 0))
    fit, too_many = (b"A:\n" * (REMEMBERED_OCTETS - more) + b"B:\n" for more in (1, 0))
    for head in (fits, too_long, fit, too_many) * 2:
        look_up(head, DEFAULT)
    assert len(made) == 6


def test_all_are_forgotten_when_there_would_be_too_many() -> None:
    made: list[Index] = []
    look_up = counted(made, most=2)
    for value in b"1212312":
        look_up(b"A: %c\n" % value, DEFAULT)
    assert [index[b"a"] for index in made] == [[b" 1"], [b" 2"], [b" 3"], [b" 1"], [b" 2"]]
