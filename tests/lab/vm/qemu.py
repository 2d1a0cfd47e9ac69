"""Boots the lab's VM, runs one command in it as root, and ends with that command's exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.machine import VM, find_tool
from tests.lab.vm import initramfs, kernel
from tests.lab.vm.kernel import Kernel

#: What `run` answers with where the command did not end by itself.
TIMED_OUT, NO_STATUS = 124, 125
#: What sound cards of the VM play, beside the command: a WAV file that grows.
PLAYED = "played.wav"
_MEMORY_MIB, _CORES = 3072, 2
#: What costs emulation most is left out: string instructions, wide vectors, mitigations.
_CPU = "Nehalem"
_QUIET = "console=ttyS0 quiet audit=0 panic=-1 mitigations=off nokaslr"
_FAST = "tsc=reliable no_timer_check random.trust_cpu=on clearcpuid=rep_good"


def show(chunk: bytes) -> None:
    """Passes output on as it comes."""
    sys.stdout.write(chunk.decode(errors="replace"))
    sys.stdout.flush()


def run(command: str, *, limit_s: float, output: Callable[[bytes], None] = show, results: Path | None = None) -> int:
    """Run a shell command in a fresh VM; what it writes to ``/vm/results`` is in the folder ``results`` afterwards.

    The VM sees this machine's files as they are, and what it changes is gone with it. Its exit status is the command's;
    `TIMED_OUT` past the limit, `NO_STATUS` where the VM did not come so far (its console is shown then).
    """
    with _run_folder() as folder:
        (folder / "command").write_text(command)
        shutil.copy(Path(__file__).with_name("stage2.sh"), folder)
        booted = kernel.bring()
        (folder / "initramfs").write_bytes(initramfs.build(booted))
        timed_out = _boot(booted, folder, limit_s, output)
        if results:
            shutil.copytree(folder / "results", results, dirs_exist_ok=True)
        if timed_out:
            output(f"\nlab: the command did not end within {limit_s:.0f} s\n".encode())
            return TIMED_OUT
        return _status(folder, output)


@contextmanager
def _run_folder() -> Iterator[Path]:
    VM.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=VM, prefix="run-") as name:
        folder = Path(name)
        (folder / "results").mkdir()
        yield folder


def _boot(booted: Kernel, folder: Path, limit_s: float, output: Callable[[bytes], None]) -> bool:
    """Whether the VM was still running at the limit."""
    pipe = subprocess.PIPE  # an open standard input keeps the output port connected
    with subprocess.Popen(_command_line(booted), cwd=folder, stdin=pipe, stdout=pipe) as process:
        over = threading.Event()

        def end() -> None:
            over.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            assert process.stdout
            while chunk := os.read(process.stdout.fileno(), 65536):
                output(chunk)
        finally:
            timer.cancel()
            process.kill()
    return over.is_set()


def _command_line(booted: Kernel) -> list[str]:
    """Output on a virtio port to standard output; QMP on another, so that what runs inside can plug in devices."""
    shares = (("root", "/", True), ("run", ".", False), ("modules", str(booted.modules), True))
    return [
        *(find_tool("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-machine", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", _CPU),
        *("-smp", str(_CORES), "-m", str(_MEMORY_MIB)),
        *("-kernel", str(booted.image), "-initrd", "initramfs", "-append", f"{_QUIET} {_FAST}"),
        *("-chardev", "file,id=console,path=console", "-serial", "chardev:console"),
        *("-chardev", "socket,id=qmp,path=qmp,server=on,wait=off", "-mon", "chardev=qmp,mode=control"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", "stdio,id=out,signal=off", "-device", "virtserialport,chardev=out,name=out"),
        *("-chardev", "socket,id=inner,path=qmp", "-device", "virtserialport,chardev=inner,name=qmp"),
        *("-audiodev", f"wav,id=played,path={PLAYED},out.frequency=48000", "-device", "qemu-xhci,id=xhci"),
        *(word for share in shares for word in _share(*share)),
    ]


def _share(tag: str, path: str, read_only: bool) -> tuple[str, ...]:
    lock = ",readonly=on" if read_only else ""
    what = f"local,id={tag},path={path},security_model=none,multidevs=remap{lock}"
    return "-fsdev", what, "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"


def _status(folder: Path, output: Callable[[bytes], None]) -> int:
    status = folder / "status"
    if status.exists():
        return int(status.read_text())
    console = folder / "console"
    output(b"lab: the VM ended before its command did; its console:\n")
    output(console.read_bytes()[-4000:] if console.exists() else b"(nothing)\n")
    return NO_STATUS
