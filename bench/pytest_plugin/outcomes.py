"""Whose fault it was: the product's, the bench's, or a twin that is not like the real meters.

A failure counts against the product only when the bench was sound as it happened: its source on, its instruments and
its gateway answering, its twins served. What pytest shows begins with the category, so that Allure can tell them apart.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import pytest

from bench.night.model import Outcome
from bench.rack.client import GatewayError
from hil_drivers.errors import AnswerError, LinkError, RefusedError

Category: TypeAlias = Literal["", "product", "bench", "twin divergence"]
"""Of a test that did not pass; empty for others."""


class ProductError(AssertionError):
    """The product did not do what it should."""


class OutOfLimits(ProductError):  # noqa: N818 - what a measurement is
    """Measurements beyond their limits, all of them."""


class TwinDivergence(ProductError):  # noqa: N818 - the word of the categories
    """A twin fails what the real meters pass."""

    def __init__(self, message: str) -> None:
        super().__init__(f"twin divergence: {message}")


class Inconclusive(Exception):  # noqa: N818 - a verdict, no error
    """Nothing is known: the measurement was too coarse, or a condition was not met."""

    def __init__(self, message: str) -> None:
        super().__init__(f"inconclusive: {message}")


class BenchError(Exception):
    """The bench could not do its part."""

    def __init__(self, message: str) -> None:
        super().__init__(f"bench error: {message}")


_SAID_NO: Final = 1  # exit code of a refusal


def is_products(error: BaseException) -> bool:
    """Whether an error is the product's on a sound bench: a failed assertion, a meter that is silent or says no."""
    if isinstance(error, GatewayError):  # a meter's refusal through the gateway
        return error.exit_code == _SAID_NO
    return isinstance(error, AssertionError | pytest.fail.Exception | LinkError | AnswerError | RefusedError)


def outcome_of(error: BaseException | None) -> tuple[Outcome, Category]:
    """Of one phase of a test, by what it raised. An error of the test's own code says nothing about the product."""
    match error:
        case None:
            return "pass", ""
        case pytest.skip.Exception():
            return "skip", ""
        case pytest.exit.Exception() | KeyboardInterrupt():
            return "aborted", ""
        case TwinDivergence():
            return "fail", "twin divergence"
        case Inconclusive():
            return "inconclusive", "product"
        case BenchError():
            return "error", "bench"
        case pytest.xfail.Exception():  # an expected failure is a failure all the same
            return "fail", "product"
    return ("fail", "product") if is_products(error) else ("error", "bench")


def first_line(error: BaseException | None) -> str:
    """Why it did not pass, in a line."""
    if error is None:
        return ""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:500]
