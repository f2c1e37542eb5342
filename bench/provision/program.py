"""Ansible as a program: whether it is there, and what it is run with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchFault, InputError

_PACKAGE = Path(__file__).parent
_PLAYBOOKS = (_PACKAGE / "playbooks", _PACKAGE.parents[1] / "playbooks")  # of an installed bench; of a checkout


def playbooks() -> Path:
    """The folder of the playbooks; BenchFault when this installation lacks it."""
    for folder in _PLAYBOOKS:
        if (folder / "site.yml").is_file():
            return folder
    raise BenchFault(f"{_PLAYBOOKS[0]}: the playbooks are missing; install the bench again")


def want_ansible() -> None:
    """Raise InputError when ansible is not installed."""
    if shutil.which("ansible-playbook", path=search_path()) and importlib.util.find_spec("ansible_runner"):
        return
    raise InputError(
        "bench rack provision runs ansible, which is not installed; install it with "
        "`pip install 'meter-bench[provision]'` into the bench's environment "
        "(ansible-core is under the GPL: a program of its own, no part of the bench)"
    )


def search_path() -> str:
    """PATH with the programs of this Python environment first, whether or not it is activated."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def environment(work: Path) -> dict[str, str]:
    """What ansible is run with: our settings, and everything that it writes for itself below ``work``."""
    return {
        "PATH": search_path(),
        "ANSIBLE_CONFIG": str(playbooks() / "ansible.cfg"),
        "ANSIBLE_HOME": str(work / "home"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(work / "ssh"),
        "ANSIBLE_LOCAL_TEMP": str(work / "local"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_NOCOLOR": "true",
        "LC_ALL": "C.UTF-8",  # ansible wants UTF-8, and we read what it says
    }


def program(name: str, arguments: Sequence[str], work: Path) -> subprocess.CompletedProcess[str]:
    """Run one of ansible's programs and hear what it says."""
    return subprocess.run(
        [shutil.which(name, path=search_path()) or name, *arguments],
        env={**os.environ, **environment(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
