"""End-to-end encryption of one call: what we send is sealed, what comes is opened, what cannot be is told once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit.protocol.models import DataPacket

from jackfield.log_limit import limited_logger
from jackfield.media.encryption import frames, packets
from jackfield.media.encryption.frames import FrameSealer, Sealed
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.encryption.packets import PacketSealer
from jackfield.values.errors import CallError, EncryptionError
from jackfield.values.media import EncodedFrame

logger = limited_logger("jackfield.encryption")

#: Frames in a row that do not open before it is said: a key that is being changed is not the same everywhere at once.
PATIENCE = 5
#: How often a key is ratcheted forward in search of the one that others have moved on to.
RATCHETS = 8
#: Senders of data that cannot be read, of whom it is remembered that it was said.
_TOLD_MAX = 256
NO_KEY = "it is encrypted end to end, and this call has no key"
_NO_KEY_HERE = "this call was not joined with e2ee_key: what we send is not encrypted"

Failed = Callable[[CallError, str], None]
Unseal = Callable[[EncodedFrame], EncodedFrame | None]


class CallEncryption:
    """Of one call; ``ring`` is None where it has no key. Used on the event loop. ``failed`` is told of what cannot be
    read, and whose it is; frames that end with ``filler`` are the server's own, and nobody's pictures."""

    def __init__(self, ring: KeyRing | None, failed: Failed, *, filler: bytes = b"") -> None:
        self.ring, self._failed, self._filler = ring, failed, filler
        self._packets = PacketSealer(ring) if ring is not None else None
        self._told: set[str] = set()
        self._searched = -1

    # --- keys
    async def set_key(self, key: str, index: int = 0) -> None:
        """What we send is encrypted with this key from now on, and what names this index is opened with it."""
        ring = self._ring()
        made = await asyncio.to_thread(Key, key.encode())
        ring.set(made, index)
        self._told.clear()

    async def ratchet(self) -> None:
        """The key is the next one from now on; those who have the one before find it by themselves."""
        ring = self._ring()
        index = ring.current
        ring.set(await asyncio.to_thread(ring.key.ratcheted), index)

    def _ring(self) -> KeyRing:
        if self.ring is None:
            raise EncryptionError(f"{_NO_KEY_HERE}; join again with the setting")
        return self.ring

    def may_search(self, index: int) -> bool:
        """Whether there is a key of this index, and it has not been sought onwards from."""
        ring = self._ring()
        return ring.get(index) is not None and self._searched != ring.generation

    async def search(self, frame: EncodedFrame, index: int) -> bool:
        """Whether the key of this index, ratcheted forward, opens the frame; then it is the key. Sought once for each
        key that was set, so that a stream of nonsense costs no more than that."""
        ring = self._ring()
        key = ring.get(index)
        if key is None or self._searched == ring.generation:
            return False
        generation = self._searched = ring.generation
        for _ in range(RATCHETS):
            key = await asyncio.to_thread(key.ratcheted)
            try:
                frames.opened(frame, ring, key)
            except ValueError:
                continue
            if ring.generation == generation:
                ring.set(key, index, use=index == ring.current)
            return True
        return False

    # --- media
    def sealer(self) -> Callable[[EncodedFrame], EncodedFrame] | None:
        """What seals the frames of one track that we send; None where nothing is encrypted."""
        return FrameSealer(self.ring).seal if self.ring is not None else None

    def opener(self, what: str, again: Callable[[], None]) -> TrackOpener:
        """What opens the frames of one track; ``again`` is called when it can be read after it could not."""
        return TrackOpener(self, what, self._failed, again, self._filler)

    # --- data
    def seal(self, packet: DataPacket) -> DataPacket:
        """The packet as it is sent."""
        return self._packets.seal(packet) if self._packets is not None else packet

    def open(self, packet: DataPacket) -> DataPacket | None:
        """The packet as it was; None where it cannot be read, which is said once of each sender."""
        uid = packet.participant_identity
        try:
            if self.ring is None:
                raise Sealed(NO_KEY)
            return packets.opened(packet, self.ring)
        except Sealed as error:
            if uid not in self._told and len(self._told) < _TOLD_MAX:
                self._told.add(uid)
                found = f"data of {uid} cannot be read: {error}; give every participant the same key"
                self._failed(EncryptionError(found), f"data of {uid}")
        return None


class TrackOpener:
    """Opens the frames of one track. What cannot be read is left out, and said once until it can be read again."""

    def __init__(
        self, encryption: CallEncryption, what: str, failed: Failed, again: Callable[[], None], filler: bytes
    ) -> None:
        self._encryption, self._what, self._failed, self._again = encryption, what, failed, again
        self._filler = filler
        self._failures, self._told = 0, False
        self._searching: asyncio.Task[None] | None = None

    def open(self, frame: EncodedFrame) -> EncodedFrame | None:
        """The frame as it was before its sender encrypted it; None where it cannot be read."""
        if self._filler and frame.data.endswith(self._filler):
            return None
        ring = self._encryption.ring
        try:
            if ring is None:
                raise Sealed(NO_KEY)
            found = frames.opened(frame, ring)
        except ValueError as error:
            self._unread(frame, error)
            return None
        if self._failures:
            self._failures, self._told = 0, False
            self._again()
        return found

    def _unread(self, frame: EncodedFrame, error: ValueError) -> None:
        self._failures += 1
        index = error.index if isinstance(error, Sealed) else None
        if index is not None and self._searching is None and self._encryption.may_search(index):
            self._searching = asyncio.create_task(self._search(frame, index), name=f"key of {self._what}")
        busy = self._searching is not None and not self._searching.done()
        if self._failures >= PATIENCE and not self._told and not busy:
            self._told = True
            fix = "give every participant the same key (setting e2ee_key)"
            self._failed(EncryptionError(f"{self._what} cannot be shown: {error}; {fix}"), self._what)

    async def _search(self, frame: EncodedFrame, index: int) -> None:
        try:
            if await self._encryption.search(frame, index):
                logger.info("%s is encrypted with a later key, which was found", self._what)
        finally:
            self._searching = None

    def close(self) -> None:
        """Nothing is sought any more."""
        if self._searching is not None:
            self._searching.cancel()
