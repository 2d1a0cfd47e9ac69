"""Chat and captions as they come: streams, the form from before streams, and what is neither."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.protocol.models import DataStream

from jackfield.session.chat import KEPT, LEGACY_TOPIC, LINES, Captions, Chat
from jackfield.session.data.handlers import Handlers
from jackfield.session.data.incoming import IncomingStreams
from jackfield.session.makers import Makers
from jackfield.testing import FakeCall
from jackfield.values.events import Transcription


class Words:
    """A call, and the streams that come in it."""

    def __init__(self) -> None:
        self.call = FakeCall()
        self.ada = self.call.join("ada")
        self.incoming, self.told = IncomingStreams(Handlers()), list[Any]()
        messages: Any = SimpleNamespace(path=SimpleNamespace(incoming=self.incoming), on_topic={})
        self.chat = Chat(self.call._room, messages, self.told.append)
        self.captions = Captions(self.call._room, messages, self.told.append)
        self.old = messages.on_topic[LEGACY_TOPIC]

    async def stream(
        self, topic: str, *texts: str, end: dict[str, str] | None = None, at_ms: int = 2_000, **attributes: str
    ) -> None:
        """Ada sends a text, piece by piece."""
        said = {f"lk.{key}": value for key, value in attributes.items()}
        header = DataStream.Header(stream_id="s", topic=topic, attributes=said, timestamp=at_ms)
        header.text_header.SetInParent()
        self.incoming.begin(header, "ada", self.ada, encrypted=False)
        for index, text in enumerate(texts):
            chunk = DataStream.Chunk(stream_id="s", chunk_index=index, content=text.encode())
            self.incoming.chunk(chunk, "ada", encrypted=False)
            await asyncio.sleep(0)
        self.incoming.trailer(DataStream.Trailer(stream_id="s", attributes=end or {}), "ada", encrypted=False)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_message_is_kept_with_who_wrote_it_and_when() -> None:
    """As it was typed; of more than five hundred the newest; what is too long is left out."""
    words = Words()
    await words.stream("lk.chat", "<b>hel", "lo</b>")
    (message,) = words.chat.log
    assert (message.text, message.participant, message.sent_at) == ("<b>hello</b>", words.ada, 2.0)
    await words.stream("lk.chat", *["x" * 15_000] * 14)
    assert len(words.told) == 1
    for number in range(KEPT + 10):
        words.chat.add(message.__class__(str(number), words.ada, "again", 3.0))
    assert (len(words.chat.log), words.chat.log[0].id) == (KEPT, "10")


@pytest.mark.parametrize("at_ms", [0, -1, 8_640_000_000_000_001, 2**63 - 1])
async def test_a_message_of_no_time_is_of_now(at_ms: int) -> None:
    """Whoever shows it can show its time; whoever sent it stops nobody from joining by it."""
    words = Words()
    await words.stream("lk.chat", "hello", at_ms=at_ms)
    assert abs(words.chat.log[0].sent_at - time.time()) < 5


async def test_a_caption_overwrites_nobody_elses() -> None:
    """The id of a line is its sender's: another's of the same id is another line."""
    words = Words()
    await words.stream("lk.transcription", "what I said", segment_id="7")
    eve = words.call.join("eve")
    words.captions.tell(Transcription("7", eve, "what eve said", True), eve)
    assert [line.text for line in words.captions.lines] == ["what I said", "what eve said"]


def test_of_two_who_write_down_the_same_person_the_first_is_shown() -> None:
    """While they go on; whoever rests makes room, and everybody else's words are nobody's yet."""
    words, now = Words(), [0.0]
    words.captions._makers = Makers(lambda: now[0])
    cleo, eve = words.call.join("cleo"), words.call.join("eve")

    def told(text: str, maker: Any, whose: Any = words.ada) -> bool:
        words.captions.tell(Transcription(text, whose, text, True), maker)
        return words.captions.lines[-1].text == text

    assert told("hello", cleo)
    assert not told("hello!", eve)
    assert told("I am Eve", eve, eve)
    now[0] = 9.0
    assert told("still here", cleo)
    now[0] = 18.0
    assert not told("still there", eve)
    now[0] = 19.5
    assert told("goodbye", eve)
    assert not told("good by", cleo)
    words.captions.forget("eve")
    assert told("good bye", cleo), "who has left holds nobody up"
    assert told("bye", words.ada), "one's own come before anybody's"
    assert not told("buy", cleo)


def test_who_writes_nothing_holds_nobody_off_and_shows_nothing() -> None:
    """Empty lines and the same line again are no words; an empty one takes back what its sender wrote before."""
    words, now = Words(), [0.0]
    words.captions._makers = Makers(lambda: now[0])
    cleo, eve = words.call.join("cleo"), words.call.join("eve")
    words.captions.tell(Transcription("1", words.ada, " ", False), eve)
    assert (words.captions.lines, words.told) == ((), [])
    words.captions.tell(Transcription("1", words.ada, "hello", True), cleo)
    assert [line.text for line in words.captions.lines] == ["hello"], "nobody had begun before"
    for now[0] in (9.0, 18.0):
        words.captions.tell(Transcription("1", words.ada, "hello", True), cleo)
    words.captions.tell(Transcription("1", words.ada, "goodbye", True), eve)
    assert words.captions.lines[-1].text == "goodbye", "saying the same again is resting"
    words.captions.tell(Transcription("1", words.ada, "", True), eve)
    assert [line.text for line in words.captions.lines] == ["hello"]
    assert words.told[-1].text == ""


async def test_a_program_that_handles_the_chat_itself_gets_it() -> None:
    """Ours is left out meanwhile, and back afterwards."""
    words, taken = Words(), []
    stop = words.incoming.handle("text", "lk.chat", lambda reader, person: taken.append(person))
    await words.stream("lk.chat", "theirs")
    stop()
    await words.stream("lk.chat", "ours")
    assert (taken, [each.text for each in words.chat.log]) == ([words.ada], ["ours"])


async def test_captions_grow_until_their_sender_says_that_they_are_final() -> None:
    """In a header, or only at the end; a later piece of the same id replaces the one before."""
    words = Words()
    await words.stream("lk.transcription", "good ", "mor", segment_id="1", transcription_final="false")
    (line,) = words.captions.lines
    assert (line.text, line.final, line.participant) == ("good mor", False, words.ada)
    await words.stream(
        "lk.transcription",
        "Good morning.",
        end={"lk.transcription_final": "true"},
        segment_id="1",
        transcription_final="false",
    )
    (line,) = words.captions.lines
    assert (line.text, line.final) == ("Good morning.", True)
    assert [each.text for each in words.told] == ["good ", "good mor", "Good morning.", "Good morning."]
    for number in range(LINES + 5):
        await words.stream("lk.transcription", "x", segment_id=f"more {number}")
    assert len(words.captions.lines) == LINES


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"\xff\xfe", b"[1, 2]", b"7", b'"text"', b"null", b"{}", b'{"message": 1, "timestamp": "soon"}'),
        *(b'{"message": "x", "timestamp": -1}', b'{"message": "x", "timestamp": 1e300}', b"[" * 100_000),
        b'{"message": "x", "timestamp": NaN}',
        b'{"message": "written twice", "ignoreLegacy": true}',
    ],
)
async def test_what_is_no_message_of_old_is_left_out(payload: bytes) -> None:
    """Nothing raises, whatever comes."""
    words = Words()
    words.old(payload, words.ada)
    assert [each for each in words.told if each.text == "x"] == []
    words.old(b'{"id": "7", "message": "hello", "timestamp": 5000}', words.ada)
    words.old(b'{"message": "from the server"}', None)
    assert (words.chat.log[-1].text, words.chat.log[-1].sent_at) == ("hello", 5.0)
