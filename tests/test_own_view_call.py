"""One whole call: our own pictures beside those of the others, on both servers, alone in the room or not."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.lab.meeting import People, heard, names, until

CARD = {"camera": "synthetic:card-front", "simulcast": True, "video": {"width": 640, "height": 360, "fps": 30}}


async def test_we_see_ourselves(people: People) -> None:
    """In full size, encoded or not, alone (no layer is sent then) and watched; through another camera and a pause; what
    others get goes on beside it."""
    ada = await people.join("ada", CARD)
    (track,) = ada.own_tracks()
    assert (track.source, track.participant, track.muted) == ("camera", ada.local, False)
    told = heard(ada)
    pictures: list[Any] = []
    encoded: list[Any] = []
    track.take_decoded(pictures.append)
    track.take_encoded(encoded.append)
    await until(lambda: len(pictures) > 20 and len(encoded) > 20, "seeing ourselves")
    assert (pictures[-1].width, pictures[-1].height) == (640, 360)
    assert encoded[0].keyframe
    bob = await people.join("bob")
    frames = bob.participants["ada"].video.frames()
    async with asyncio.timeout(10):
        await anext(frames)
    await ada.set_camera("synthetic:card-rear")
    await ada.pause_video()
    assert track.muted
    await ada.resume_video()
    seen = len(pictures), len(encoded)
    await until(lambda: len(pictures) > seen[0] + 5 and len(encoded) > seen[1] + 5, "seeing ourselves again")
    assert encoded[-1].width == 640
    await ada.set_camera("none")
    assert ada.own_tracks() == ()
    assert [name for name in names(told) if name.startswith("own_")] == ["own_track_ended"]
