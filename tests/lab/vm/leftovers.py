"""What a test leaves behind in its process: threads, descriptors, children, and a core that spins."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

from attrs import frozen

#: A process that has nothing to do uses hardly any of a core; one that spins, all of it.
IDLE_SHARE = 0.5


@frozen
class Held:
    """The native threads of this process by number, its descriptors by number, and its children by process id."""

    threads: dict[str, str]
    descriptors: dict[str, str]
    children: dict[int, str]

    @classmethod
    def now(cls) -> Held:
        """As it is, after what nobody refers to has gone."""
        gc.collect()
        return cls(_threads(), _descriptors(), children())

    def beyond(self, before: Held) -> dict[str, list[str]]:
        """What is here and was not there. Descriptors are told by what they lead to: their numbers are used again."""
        more = {
            "threads": [name for id, name in self.threads.items() if id not in before.threads],
            "descriptors": _more(list(self.descriptors.values()), list(before.descriptors.values())),
            "children": [line for id, line in self.children.items() if id not in before.children],
        }
        return {kind: found for kind, found in more.items() if found}


def children() -> dict[int, str]:
    """The processes that this one started and has not seen the end of, each with its command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _parent(folder) == os.getpid():
            found[int(folder.name)] = _text(folder / "cmdline").replace("\0", " ").strip()
    return found


def busy_share(seconds: float = 2.0) -> float:
    """The share of a core that this process and its children use while nobody wants anything of them."""
    folders = [Path("/proc/self"), *(Path(f"/proc/{id}") for id in children())]
    return _share(folders, seconds)


def thread_share(name: str, seconds: float = 1.0) -> float:
    """The share of a core that the threads of this process with that in their name use; 0 where there is none."""
    ids = [thread.native_id for thread in threading.enumerate() if name in thread.name]
    return _share([Path(f"/proc/self/task/{id}") for id in ids], seconds)


def _share(folders: list[Path], seconds: float) -> float:
    began, before = time.monotonic(), _ticks(folders)
    time.sleep(seconds)
    return (_ticks(folders) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)


def _ticks(folders: list[Path]) -> int:
    """Of a core, used by those processes or threads that are still there."""
    return sum(sum(map(int, fields[11:13])) for each in folders if (fields := _stat(each)))


def _threads() -> dict[str, str]:
    return {task.name: _text(task / "comm").strip() for task in Path("/proc/self/task").iterdir()}


def _descriptors() -> dict[str, str]:
    found = {}
    for link in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{link}")
        except OSError:
            continue  # that of this listing
        found[link] = target.partition(":")[0] if target.startswith(("socket:", "pipe:")) else target
    return found


def _more(now: list[str], before: list[str]) -> list[str]:
    for each in before:
        if each in now:
            now.remove(each)
    return now


def _parent(folder: Path) -> int:
    fields = _stat(folder)
    return int(fields[1]) if fields else 0


def _stat(folder: Path) -> list[str]:
    """The fields behind the process's name (proc(5)), from its state on; none of a process that has gone."""
    return _text(folder / "stat").rpartition(")")[2].split()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
