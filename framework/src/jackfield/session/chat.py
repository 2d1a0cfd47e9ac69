"""The chat and the captions of a call: text streams, as LiveKit's SDKs and components send them.

Chat has topic ``lk.chat``, captions ``lk.transcription`` with attributes that say whose words they are
(docs.livekit.io, "Text streams" and "Transcriptions").
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from jackfield.log_limit import limited_logger
from jackfield.session.data.readers import TextStreamReader
from jackfield.session.makers import Makers
from jackfield.session.messages import Messages
from jackfield.session.participant import Participant
from jackfield.session.room import Room
from jackfield.values.errors import StreamError
from jackfield.values.events import ChatMessage, Event, Transcription
from jackfield.values.streams import TextStreamInfo

logger = limited_logger("jackfield.chat")

CHAT_TOPIC, CAPTIONS_TOPIC = "lk.chat", "lk.transcription"
#: Where LiveKit's components wrote before there were text streams; newer ones write there too, marked to be ignored.
LEGACY_TOPIC = "lk-chat-topic"
SEGMENT, FINAL, TRACK = "lk.segment_id", "lk.transcription_final", "lk.transcribed_track_id"
#: The longest message that is sent or taken, in bytes of UTF-8.
LONGEST = 200_000
#: The end of the year 9999: nothing later is a time.
LATEST_MS = 253_402_300_800_000
#: So many messages and lines are kept.
KEPT, LINES = 500, 50


class Chat:
    """What was written, oldest first. Used on the event loop."""

    def __init__(self, room: Room, messages: Messages, emit: Callable[[Event], None]) -> None:
        self._room, self._emit = room, emit
        self.log: deque[ChatMessage] = deque(maxlen=KEPT)
        messages.path.incoming.handle_unless_asked("text", CHAT_TOPIC, self._came)
        messages.on_topic[LEGACY_TOPIC] = self.came_as_data

    async def _came(self, reader: TextStreamReader, person: Participant | None) -> None:
        if person is None:
            return
        try:
            text = await reader.read_all(max_bytes=LONGEST)
        except StreamError as error:
            logger.warning("a chat message of %s is lost: %s", person.uid, error.message)
            return
        self.add(ChatMessage(reader.info.stream_id, person, text, _sent_at(reader.info.timestamp_ms)))

    def came_as_data(self, payload: bytes, person: Participant | None) -> None:
        """A message in the form from before text streams. Who sends both forms says that this one is to be ignored."""
        try:
            said = json.loads(payload)
            text, at_ms = str(said["message"])[:LONGEST], float(said.get("timestamp") or 0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            logger.warning("a chat message of %s cannot be read", person and person.uid)
            return
        if person is None or said.get("ignoreLegacy") or not 0 <= at_ms < LATEST_MS:
            return
        self.add(ChatMessage(str(said.get("id", ""))[:64], person, text, _sent_at(at_ms)))

    def sent(self, info: TextStreamInfo, text: str, to: Sequence[str]) -> ChatMessage:
        """Ours is on its way."""
        message = ChatMessage(info.stream_id, self._room.local, text, info.timestamp_ms / 1000, True, tuple(to))
        self.add(message)
        return message

    def add(self, message: ChatMessage) -> None:
        """It was written."""
        self.log.append(message)
        self._emit(message)


def _sent_at(at_ms: float) -> float:
    """When its sender says that it was sent, in seconds; now, where they say what can be no time."""
    return at_ms / 1000 if 0 < at_ms < LATEST_MS else time.time()


def checked(text: str) -> str:
    """The text, fit to be sent; ``ValueError`` says why not."""
    if not text.strip():
        raise ValueError("a chat message needs something to read; this one is empty")
    size = len(text.encode())
    if size > LONGEST:
        raise ValueError(f"a chat message has at most {LONGEST} bytes; this one has {size}: send it as a file")
    return text


class Captions:
    """What is being said, as text that others make of it; the newest `LINES` pieces by their id. Of two who write down
    the same person, the first is heard while they go on."""

    def __init__(self, room: Room, messages: Messages, emit: Callable[[Event], None]) -> None:
        self._room, self._emit = room, emit
        #: By whoever sent it, and its id: nobody overwrites what others said.
        self._lines: OrderedDict[tuple[str, str], Transcription] = OrderedDict()
        self._makers = Makers()
        messages.path.incoming.handle_unless_asked("text", CAPTIONS_TOPIC, self._came)

    @property
    def lines(self) -> tuple[Transcription, ...]:
        """The newest last."""
        return tuple(self._lines.values())

    def forget(self, uid: str) -> None:
        """Who wrote down what others said has left."""
        self._makers.forget(uid)

    async def _came(self, reader: TextStreamReader, sender: Participant | None) -> None:
        """A piece comes whole, or bit by bit: what there is of it is told as it comes."""
        attributes = reader.info.attributes
        key = attributes.get(SEGMENT) or reader.info.stream_id
        person = self._speaker(attributes.get(TRACK, ""), sender)
        text = ""
        try:
            async for piece in reader:
                text += piece
                if len(text) > LONGEST:
                    return
                self.tell(Transcription(key, person, text, False), sender)
        except StreamError as error:
            logger.debug("a caption broke off: %s", error.message)
        final = reader.info.attributes.get(FINAL, "true") == "true"  # a sender may know only at the end
        self.tell(Transcription(key, person, text, final), sender)

    def _speaker(self, track: str, sender: Participant | None) -> Participant | None:
        everyone = (self._room.local, *self._room.participants.values())
        return next((person for person in everyone if track and track in person.track_infos), sender)

    def tell(self, line: Transcription, sender: Participant | None = None) -> None:
        """It was said, as far as it goes; nothing to read takes back what was, and holds nobody off."""
        maker = sender.uid if sender is not None else ""
        key = maker, line.id
        if self._lines.get(key) == line:
            return
        if not line.text.strip():
            if self._lines.pop(key, None) is not None:
                self._emit(line)
            return
        if not self._makers.takes(line.participant.uid if line.participant else maker, maker):
            return
        self._lines[key] = line
        self._lines.move_to_end(key)
        while len(self._lines) > LINES:
            self._lines.popitem(last=False)
        self._emit(line)
