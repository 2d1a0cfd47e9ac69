"""A source that encodes, and gives far more than any call carries: refused in words, and the call stays up."""

from __future__ import annotations

import asyncio

from jackfield import VideoSource
from jackfield.media.libav import known
from jackfield.values.media import EncodedFrame
from tests.lab.meeting import People, until
from tests.test_call import luma_of, pushing

SMALL = {"video": {"width": 320, "height": 180, "fps": 15}, "speaker": "none", "camera": None}


async def test_pictures_of_two_megabytes_do_not_bring_a_call_down(people: People) -> None:
    """One error says how large is too large, others see a placeholder, and then what is of a sane size again."""
    ada, bob = await people.join("ada", SMALL), await people.join("bob", SMALL)
    told: list[str] = []
    ada.on("error", lambda event: told.append(event.error.message))
    source = VideoSource(known.WIDTH, known.HEIGHT, 15, codec="H264")
    await ada.publish(source, name="door", source="camera")
    sane = known.stream("H264")[0].data
    large = sane + b"\0\0\0\1\x0c" + b"\xff" * 2_000_000
    async with pushing(source, lambda _: EncodedFrame(large, "H264", True), 1 / 15):
        await until(lambda: told, "the error")
        await asyncio.sleep(1)
    (message,) = told
    assert f"the H264 of door cannot be sent as it is: a picture has {len(large)} bytes, and 524288" in message
    assert set(bob.participants) == {"ada"}
    async with pushing(source, lambda _: EncodedFrame(sane, "H264", True), 1 / 15):
        await luma_of(bob.participants["ada"].video.frames(), known.DARK)
    assert len(told) == 1
