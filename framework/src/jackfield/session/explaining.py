"""Choices that a call makes beside those of the registry, kept where `explain` finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from jackfield.plugins import Choice, Plugins
from jackfield.plugins.selection import PassedOver
from jackfield.session.opening import aside
from jackfield.values.devices import Device, DeviceKind

Wish = str | Sequence[str] | None


@contextmanager
def unless_refused(plugins: Plugins, kind: DeviceKind) -> Iterator[None]:
    """What was chosen for this kind stays explained where another choice fails inside."""
    before = plugins.choices.get(kind)
    try:
        yield
    except BaseException:
        if before is not None:
            plugins.choices[kind] = before
        raise


def none_opened(plugins: Plugins, kind: DeviceKind, wish: Wish, failed: Mapping[str, str]) -> None:
    """Of those that the wish means, by id with the reason, none could be opened."""
    passed = tuple(PassedOver(id, id.partition(":")[0], reason) for id, reason in failed.items())
    plugins.choices[kind] = Choice(_asked(kind, wish), why="none could be opened", passed_over=passed)


def passed_through(plugins: Plugins, device: Device, codec: str) -> None:
    """That no encoder was chosen is a choice too."""
    asked, why = f"encoder {codec}", f"{device.label} encodes by itself, and is sent as it is"
    plugins.choices[asked] = Choice(asked, "passthrough", device.plugin, why)


async def found_again(plugins: Plugins, device: Device, lost: Device, wish: Wish) -> None:
    """After a loss, ``device`` is in use: what was wished for stays, and what became of the lost one."""
    gone = "it was lost, and has not come back"
    taken: Device | None = None
    with suppress(Exception):  # it may be gone again by now
        failed = {} if device.id == lost.id else {lost.id: gone}
        taken, _, _ = await aside(lambda: plugins.device(device.kind, wish, failed=failed))
    if taken is None or taken.id != device.id:
        why = f"it stands in for {lost.id}" if device.id != lost.id else "it was lost, and is back"
        passed = () if device.id == lost.id else (PassedOver(lost.id, lost.plugin, gone),)
        plugins.choices[device.kind] = Choice(_asked(device.kind, wish), device.id, device.plugin, why, passed)


def _asked(kind: DeviceKind, wish: Wish) -> str:
    if wish is None:
        return f"best {kind}"
    return f"{kind} {wish}" if isinstance(wish, str) else f"{kind} {', '.join(wish)}"
