"""The lab's kernel: Debian's own, downloaded and unpacked beside the other foreign things, and never installed."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from attrs import frozen

from tests.lab.machine import VM, find_tool

_UNPACKED = VM / "kernel"
_XZ, _ELF = b"\xfd7zXZ\x00", b"\x7fELF"


@frozen
class Kernel:
    """An unpacked kernel: what QEMU boots, and the folder that goes to ``/lib/modules``."""

    release: str
    image: Path
    modules: Path


class NoKernel(RuntimeError):
    """The kernel cannot be brought here; the text says why."""


def find() -> Kernel | None:
    """The kernel that was brought, or nothing."""
    modules = _UNPACKED / "lib" / "modules"
    release = next((path.name for path in modules.glob("*")), "")
    return Kernel(release, _UNPACKED / "boot" / "image", modules) if release else None


def bring() -> Kernel:
    """The kernel, downloaded with apt-get on the first call; `NoKernel` where that cannot be."""
    found = find()
    if found:
        return found
    VM.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=VM, prefix="unpacking-") as scratch:
        unpacked = Path(scratch) / "kernel"
        package = _package()
        _run("apt-get", "download", "-qq", package, cwd=scratch)
        _run("dpkg-deb", "-x", next(Path(scratch).glob("*.deb")), unpacked)
        release = next((unpacked / "lib" / "modules").iterdir()).name
        _run(find_tool("depmod"), "-b", unpacked, release)
        (unpacked / "boot" / "image").write_bytes(bootable((unpacked / "boot" / f"vmlinuz-{release}").read_bytes()))
        shutil.rmtree(unpacked / "usr", ignore_errors=True)
        if not _UNPACKED.exists():  # another run may have been quicker
            os.rename(unpacked, _UNPACKED)
    brought = find()
    assert brought
    return brought


def bootable(compressed: bytes) -> bytes:
    """The ELF inside, which QEMU boots directly: unpacking it under emulation takes seconds. Else the file itself."""
    start = compressed.find(_XZ)
    if start < 0:
        return compressed
    image = lzma.LZMADecompressor().decompress(compressed[start:])
    return image if image.startswith(_ELF) else compressed


def _package() -> str:
    """The package behind Debian's newest kernel for this release."""
    listed = _run("apt-cache", "depends", "linux-image-amd64")
    names = re.findall(r"Depends: (linux-image-\S+)", listed)
    if not names:
        raise NoKernel("this machine's apt knows no linux-image-amd64: the lab boots Debian's kernel for x86-64")
    return str(names[0])


def _run(*command: str | Path, cwd: str | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoKernel(f"{command[0]} is not installed") from error
    if done.returncode:
        raise NoKernel(f"{' '.join(map(str, command))} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
