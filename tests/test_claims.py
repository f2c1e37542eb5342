"""What the pages say of themselves: nothing that is not openly specified is claimed as conformance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.wisun.psk import VERIFIED

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CLAIM = re.compile(r"\b(conform\w*|certif(?:ied|ication)|complian\w*|comply|interoperab\w*)", re.IGNORECASE)
DENIED = re.compile(r"\b(no|not|nothing|never|nor)\b", re.IGNORECASE)
NAME_OF_A_FIELD = re.compile(r"initiate-error \(version, conformance,|conformance (block|bits?)\b", re.IGNORECASE)


def sentences(text: str) -> Iterator[str]:
    """Sentences, list items and table rows, each on one line."""
    for block in re.split(r"\n\s*\n|\n(?=\s*[-|#])", text):
        yield from re.split(r"(?<=[.;:])\s+", " ".join(block.split()))


def claims(text: str) -> list[str]:
    """Sentences that claim to conform to something."""
    told = (NAME_OF_A_FIELD.sub("", sentence) for sentence in sentences(text))
    return [sentence for sentence in told if CLAIM.search(sentence) and not DENIED.search(sentence)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_claims_conformance(page: Path) -> None:
    assert claims(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The stick is interoperable\nwith every EAP-PSK meter.", 1),
        ("- IEC 61968-9 compliant messages.\n- Certified readings.", 2),
        ("Nothing here claims conformance. A client certificate is a file.", 0),
        ("Nothing is lost. The messages conform to IEC 61968-9.", 1),
    ],
)
def test_a_claim_is_found_and_a_denial_is_none(text: str, found: int) -> None:
    assert len(claims(text)) == found


def test_the_derivation_of_the_key_is_told_among_what_is_unverified() -> None:
    page = (ROOT / "docs" / "wisun-stick.md").read_text("utf-8")
    assert not VERIFIED
    assert "How a real meter makes the EAP-PSK key of id and password is not open" in page.split("**Unverified:**")[1]
