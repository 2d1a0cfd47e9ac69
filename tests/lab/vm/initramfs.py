"""The few files that come before the root file system: busybox, ``/init``, and the modules that mount a share."""

from __future__ import annotations

import lzma
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.machine import find_tool
from tests.lab.vm.kernel import Kernel

_APPLETS = ("sh", "mount", "mkdir", "insmod", "switch_root", "poweroff", "echo")
_FOLDERS = ("bin", "dev", "host", "lower", "modules", "proc", "sys", "upper")
_FOR_THE_ROOT = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
_INIT = Path(__file__).with_name("init.sh")


def build(kernel: Kernel) -> bytes:
    """An initramfs for this kernel, as an archive that the kernel unpacks (cpio, "newc", not compressed)."""
    modules = dict.fromkeys(path for name in _FOR_THE_ROOT for path in _with_dependencies(kernel, name))
    parts = [_entry(name, stat.S_IFDIR | 0o755) for name in _FOLDERS]
    parts += [_entry("bin/busybox", stat.S_IFREG | 0o755, Path(find_tool("busybox")).read_bytes())]
    parts += [_entry(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox") for applet in _APPLETS]
    parts += [_entry("init", stat.S_IFREG | 0o755, _INIT.read_bytes())]
    parts += [_entry(f"modules/{_plain(path)}", stat.S_IFREG | 0o644, _content(path)) for path in modules]
    order = "".join(f"{_plain(path)}\n" for path in modules)
    parts += [_entry("modules/order", stat.S_IFREG | 0o644, order.encode()), _entry("TRAILER!!!", 0)]
    return b"".join(parts)


def _with_dependencies(kernel: Kernel, module: str) -> Iterator[Path]:
    """The files to load, in order; none for what is built in."""
    command = [find_tool("modprobe"), "-d", str(kernel.modules.parents[1]), "-S", kernel.release, "-D", module]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return (Path(path) for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE))


def _plain(path: Path) -> str:
    return path.name.removesuffix(".xz")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """One file of the archive (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
