"""Where and with what a number was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_PACKAGES = ("tf_gantts", "tensorflow", "keras", "numpy")


def machine_facts() -> dict[str, str]:
    """What a reader needs to judge a measured number: date, processor, memory, versions.

    Names of users, hosts and folders are left out.
    """
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores in use",
        "Memory": _memory(),
        "System": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Packages": versions,
    }


def processor() -> str:
    """The processor as the system names it, with family and model where it tells them.

    Virtual machines cut the name short: two that were both "AMD EPYC" differed by a factor of two.
    """
    told: dict[str, str] = {}
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    if "cpu family" not in told:  # not an x86
        return name
    return f"{name} (family {told['cpu family']}, model {told['model']})"


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"
