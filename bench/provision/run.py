"""A playbook run over its hosts, and what came of it, host by host."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import BenchFault, InputError
from bench.provision.hosts import Hosts, of_inventory, this_machine
from bench.provision.program import environment, playbooks, want_ansible
from bench.provision.variables import given, read_variables

if TYPE_CHECKING:
    from bench.rack.inventory import Inventory

TAGS = ("rack", "night", "broker", "collector")
"""Parts of the playbook ``site`` that can be run alone."""

_FAILED, _UNREACHABLE = (
    2,
    4,
)  # exit statuses of ansible-playbook; with others, and where no host was begun, it broke itself


class Play(Enum):
    """The playbooks."""

    SITE = "site"
    COLLECT = "collect"
    SAFE = "safe"


@dataclass(frozen=True)
class Job:
    """What to run: ``var`` has NAME=VALUE pairs, ``root`` is a directory that stands for the root of each host."""

    play: Play = Play.SITE
    check: bool = False
    inventory: Path | None = None
    root: Path | None = None
    tags: Sequence[str] = ()
    limit: str | None = None
    var: Sequence[str] = ()


class HostResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks of a host went which way; ``problems`` says what was wrong, ``task: message``."""

    host: str
    ok: int
    changed: int
    failed: int
    unreachable: int
    problems: list[str]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job; ``log`` has every word of ansible."""

    play: str
    check: bool
    hosts: list[HostResult]
    log: str

    @property
    def exit_code(self) -> int:
        """0 all well, 1 a task failed, 3 a host could not be reached."""
        if any(each.unreachable for each in self.hosts):
            return BenchFault.exit_code
        return int(any(each.failed for each in self.hosts))


@dataclass
class _Listener:
    """Hears ansible's events: tells of each task, keeps what goes wrong and the counts at the end."""

    on_task: Callable[[str], None]
    problems: dict[str, list[str]] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)

    def hear(self, event: Mapping[str, Any]) -> None:
        data = event.get("event_data", {})
        match event.get("event"):
            case "playbook_on_task_start":
                self.on_task(data["name"])
            case "playbook_on_stats":
                self.counts = data
            case "runner_on_failed" | "runner_on_unreachable" | "runner_item_on_failed":
                if not data.get("ignore_errors"):
                    self._keep(data["host"], data["task"], data["res"])

    def _keep(self, host: str, task: str, result: Mapping[str, Any]) -> None:
        if result.get("results"):  # a loop, which has told of its items one by one
            return
        said = result.get("stderr") or result.get("msg") or result.get("stdout") or "failed"
        self.problems.setdefault(host, []).append(f"{task}: {str(said).strip()}")


def provision(inventory: Inventory, job: Job, log: Path, on_task: Callable[[str], None]) -> Outcome:
    """Run a playbook; ``log`` is made. Raises InputError for what cannot be run, BenchFault when ansible breaks."""
    from bench.provision.facts import topology_facts, wants_broker  # here: topologies take half a second to import

    want_ansible()
    _check_job(job)
    variables = read_variables(playbooks())
    values = given(job.var, variables)
    facts = topology_facts(inventory)
    with tempfile.TemporaryDirectory(prefix="meter-bench-") as folder:
        work = Path(folder)
        if job.inventory is None:
            hosts = this_machine(work, variables, values, wants_broker(inventory))
        else:
            hosts = of_inventory(job.inventory, work, variables, values)
        if hosts.groups.get("broker") and not wants_broker(inventory):
            raise InputError(
                f"{job.inventory}: names a broker host, but the bus of {inventory.file} is no broker with TLS; "
                "give the topology a bus with broker: external and url: mqtts://…, or take the group out"
            )
        handed = {**values, **facts, **_root(job), "inventory_source": str((job.inventory or Path()).resolve())}
        return _run(job, hosts, handed, work, log, _Listener(on_task))


def _check_job(job: Job) -> None:
    unknown = [tag for tag in job.tags if tag not in TAGS]
    if unknown:
        raise InputError(f"--tags {','.join(unknown)}: there are {', '.join(TAGS)}")
    if job.tags and job.play is not Play.SITE:
        raise InputError(f"--tags: the playbook {job.play.value} has no parts")
    if job.root is not None:
        if job.play is Play.SAFE:
            raise InputError("--root: nothing runs in a scratch root that could be made safe")
        if job.root.resolve() == Path("/"):
            raise InputError("--root /: that is this machine itself; leave --root out")
        if not re.fullmatch(r"[A-Za-z0-9_./+-]+", str(job.root.resolve())):
            raise InputError(f"--root {job.root}: choose a path of letters, digits and . _ + -")


def _root(job: Job) -> dict[str, Any]:
    if job.root is None:
        return {"bench_root": ""}
    return {"bench_root": str(job.root.resolve()), "with_services": False}


def _run(job: Job, hosts: Hosts, handed: Mapping[str, Any], work: Path, log: Path, listener: _Listener) -> Outcome:
    import ansible_runner  # comes with the extra `provision`

    switches = ["--diff", *(["--check"] if job.check else []), *(["--tags", ",".join(job.tags)] if job.tags else [])]
    run = ansible_runner.run(
        private_data_dir=str(work),
        project_dir=str(playbooks()),
        playbook=f"{job.play.value}.yml",
        inventory=list(map(str, hosts.files)),
        extravars=dict(handed),
        envvars=environment(work),
        cmdline=" ".join(switches),
        limit=job.limit,
        quiet=True,
        event_handler=listener.hear,
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.stdout.name, log)
    if run.status == "canceled":
        raise KeyboardInterrupt
    results = [_result(host, listener) for host in sorted(listener.counts.get("processed", ()))]
    if run.rc not in (0, _FAILED, _UNREACHABLE) or (run.rc and not results):
        raise BenchFault(f"ansible broke off with exit status {run.rc}: {_complaint(log)}; {log} has all its words")
    if not results:
        raise InputError("no host is left to be provisioned; look at --limit, --tags and the groups of the inventory")
    return Outcome(play=job.play.value, check=job.check, hosts=results, log=str(log))


def _complaint(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return next((line.strip() for line in lines if "ERROR" in line), "no reason is given")


def _result(host: str, listener: _Listener) -> HostResult:
    def count(kind: str) -> int:
        return int(listener.counts.get(kind, {}).get(host, 0))

    return HostResult(
        host=host,
        ok=count("ok"),
        changed=count("changed"),
        failed=count("failures"),
        unreachable=count("dark"),
        problems=listener.problems.get(host, []),
    )
