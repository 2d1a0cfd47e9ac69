"""Remote media as async iterators: bounded, the newest wins, and decoded only while somebody reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from jackfield.media.reblock import Reblocker
from jackfield.roles import Unwatch
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

if TYPE_CHECKING:
    from jackfield.session.remote_track import RemoteTrack


class _Reader:
    """What one iterator has waiting. It follows the track: one that is published anew is read on."""

    def __init__(self, limit: int, *, encoded: bool = False, synced: bool = False) -> None:
        self._items: deque[Any] = deque(maxlen=limit)
        self._arrived = asyncio.Event()
        self._encoded, self._synced = encoded, synced
        self._unwatch: Unwatch | None = None
        self._over = False

    def follow(self, track: RemoteTrack | None) -> None:
        if self._unwatch:
            self._unwatch()
            self._unwatch = None
        if track is not None:
            take: Any = track.take_encoded if self._encoded else track.take_decoded
            self._unwatch = take(self._put, synced=self._synced)
            if self._encoded:
                track.request_keyframe()

    def _put(self, item: Any) -> None:
        self._items.append(item)
        self._arrived.set()

    def end(self) -> None:
        self.follow(None)
        self._over = True
        self._arrived.set()

    async def next(self) -> Any | None:
        while not self._items:
            if self._over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()


class _Media:
    """One kind of media of one participant; readers outlive the tracks they read."""

    def __init__(self) -> None:
        self.track: RemoteTrack | None = None
        self._readers: set[_Reader] = set()
        self._over = False

    def bind(self, track: RemoteTrack | None) -> None:
        """Readers read this track from now on."""
        self.track = track
        for reader in list(self._readers):
            reader.follow(track)

    def end(self) -> None:
        """The participant has gone: iterators end."""
        self._over, self.track = True, None
        for reader in list(self._readers):
            reader.end()

    async def encoded(self) -> AsyncIterator[EncodedFrame]:
        """Encoded frames as they arrive, from the next on, nothing decoded; the oldest of 60 unread is dropped."""
        async for frame in self._read(_Reader(60, encoded=True)):
            yield frame

    async def _read(self, reader: _Reader) -> AsyncIterator[Any]:
        if self._over:
            return
        self._readers.add(reader)
        reader.follow(self.track)
        try:
            while (item := await reader.next()) is not None:
                yield item
        finally:
            self._readers.discard(reader)
            reader.follow(None)


class VideoMedia(_Media):
    """A participant's camera or screen."""

    async def frames(self, format: str | None = None, *, synced: bool = False) -> AsyncIterator[VideoFrame]:
        """Pictures as they arrive, the newest only, in ``format`` (FFmpeg's name) where one is given.

        ``synced``: each waits until the person's sound, where it is played here or read in sync, is as far.

        Begins with their next picture, waits while they send none, and ends when they leave.
        """
        async for frame in self._read(_Reader(1, synced=synced)):
            if format is None or frame.picture.format.name == format:
                yield frame
            else:
                yield await asyncio.to_thread(frame.reformatted, format)


class AudioMedia(_Media):
    """A participant's microphone, or their screen's sound."""

    async def blocks(
        self, rate: int = 48_000, channels: int = 1, ptime_ms: int = 0, *, synced: bool = False
    ) -> AsyncIterator[AudioBlock]:
        """Sound as it arrives, at this rate, with one or two channels, in blocks of ``ptime_ms`` (0: as they come).

        ``synced``: it is presented together with pictures that are shown, or read in sync, and those wait for it.

        A reader that lags by more than a fifth of a second misses the oldest. Ends when they leave.
        """
        reblocker = Reblocker(rate, channels, ptime_ms)
        async for block in self._read(_Reader(10, synced=synced)):
            for piece in reblocker.push(block):
                yield piece
