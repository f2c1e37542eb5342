"""``bench allure``: a night as Allure shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.night_options import AsJson
from bench.cli.output import echo_json
from bench.errors import InputError
from bench.night.folder import NIGHTS, PAGE_FILE, NightFolder, nights_in
from bench.night.history import LAST


def allure(
    night: Annotated[str, typer.Argument(help="The night: an id, a beginning of one, last, or last-1.")] = LAST,
    results: Annotated[Path, typer.Option(help="Where nights are.")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page.  [default: allure in the folder of the night]")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install the pinned Allure first; needs npm and its registry, once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make Allure's page of a night, one HTML file that asks nothing of any network; without node, name our own page.

    Trends are those of the nights before it on the same topology. Allure is the view: history and verdict are ours.
    """
    from bench.report import allure_html

    if install:
        typer.echo(f"Allure {allure_html.pinned_version()} is in {allure_html.install()}", err=True)
    nights = [each for each in nights_in(results / NIGHTS) if each.ended]
    folder = _found(nights, night, results)
    plan = folder.plan
    before = [each for each in nights if each.plan.topology == plan.topology and each.plan.started < plan.started]
    reason = allure_html.why_not()
    if reason is None:
        page = allure_html.make_page(folder, before, out or folder.path / "allure")
    else:
        page = folder.path / PAGE_FILE
        typer.echo(f"{reason}; the bench's own page of the night is", err=True)
    if as_json:
        echo_json({"night": plan.night, "page": str(page), "allure": reason is None, "reason": reason})
    else:
        typer.echo(page)


def _found(nights: list[NightFolder], wanted: str, results: Path) -> NightFolder:
    if not nights:
        raise InputError(f"{results / NIGHTS}: no night has ended there; `bench nightly TOPOLOGY` makes one")
    if match := re.fullmatch(rf"{LAST}(?:-(\d{{1,6}}))?", wanted):
        alike = [each for each in nights if each.plan.topology == nights[0].plan.topology]
        if (back := int(match[1] or 0)) >= len(alike):
            topology = nights[0].plan.topology
            raise InputError(f"{wanted}: {results / NIGHTS} has {len(alike)} nights on topology {topology}")
        return alike[back]
    fitting = [each for each in nights if each.path.name.startswith(wanted)]
    if len(fitting) != 1:
        names = ", ".join(each.path.name for each in (fitting or nights)[:10])
        raise InputError(
            f"{wanted}: {'several nights begin like this' if fitting else 'no such night'}; there are {names}"
        )
    return fitting[0]
