"""A picture that a page sends, to be seen behind us."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path

from jackfield.roles import RenderedCall
from jackfield.values.errors import SettingsError

_NO_PICTURE = "that is no picture that can be read: choose a JPEG, PNG or WebP"


async def set_picture(call: RenderedCall, octets: str) -> None:
    """These octets of a file, in base64, are seen behind us. ``ValueError`` where they are no picture."""
    with tempfile.TemporaryDirectory(prefix="jackfield-") as folder:
        file = Path(folder) / "picture"
        try:
            await asyncio.to_thread(lambda: file.write_bytes(base64.b64decode(octets, validate=True)))
            await call.set_background_image(file)
        except (SettingsError, ValueError) as exc:
            raise ValueError(_NO_PICTURE) from exc
