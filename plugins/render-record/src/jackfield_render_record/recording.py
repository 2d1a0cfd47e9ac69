"""The thread that writes: frames of all participants in, one file for each out."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field, frozen

from jackfield.values.media import EncodedFrame
from jackfield_render_record.entries import content, entry
from jackfield_render_record.matroska import MatroskaFile
from jackfield_render_record.timeline import Timeline

logger = logging.getLogger("jackfield.render-record")

_CLOSE_LIMIT_S = 4.0


@frozen
class Source:
    """Where frames come from: whose they are, and what tells this participant's tracks apart in the file."""

    uid: str
    person: str
    label: str
    codec: str


@define
class _Person:
    """One participant's file. ``file`` is None after it could not be written."""

    file: MatroskaFile | None
    began_ns: int
    numbers: dict[tuple[str, str], int] = field(factory=dict)
    timelines: dict[int, Timeline] = field(factory=dict)


class Recording:
    """Takes frames on the event loop without waiting, and writes them on its own thread."""

    def __init__(self, name_file: Callable[[Source], Path], *, title: str, cluster_ms: int, queue_frames: int) -> None:
        self._name_file, self._title, self._cluster_ms = name_file, title, cluster_ms
        self._queue: queue.Queue[tuple[Source, EncodedFrame]] = queue.Queue(queue_frames)
        self._people: dict[str, _Person] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="render-record", daemon=True)
        self._thread.start()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files so far, in the order in which they were begun."""
        return tuple(person.file.path for person in list(self._people.values()) if person.file)

    def put(self, source: Source, frame: EncodedFrame) -> bool:
        """Hands over one frame; False when the disk is so slow that it is dropped."""
        try:
            self._queue.put_nowait((source, frame))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Everything that was put is in files, and these are whole. Blocks: call it in a thread."""
        self._stopping.set()
        self._thread.join(_CLOSE_LIMIT_S)
        if self._thread.is_alive():
            logger.error("the disk is too slow: files were not closed within %g s", _CLOSE_LIMIT_S)

    def _run(self) -> None:
        try:
            flushed = time.monotonic()
            while not (self._stopping.is_set() and self._queue.empty()):
                self._take()
                if time.monotonic() - flushed >= self._cluster_ms / 1000:
                    flushed = time.monotonic()
                    self._each(MatroskaFile.flush)
        finally:
            self._each(MatroskaFile.close)

    def _take(self) -> None:
        try:
            source, frame = self._queue.get(timeout=0.1)
        except queue.Empty:
            return
        with self._giving_up(source.uid):
            self._write(source, frame)

    def _each(self, action: Callable[[MatroskaFile], None]) -> None:
        for uid, person in list(self._people.items()):
            if person.file:
                with self._giving_up(uid):
                    action(person.file)

    @contextmanager
    def _giving_up(self, uid: str) -> Iterator[None]:
        """A file that cannot be written is given up, with a word of why; the others go on.

        Whatever somebody's encoder sends, it ends nobody else's recording.
        """
        try:
            yield
        except Exception as error:
            logger.error("the recording of %s ends here: %s", uid, error, exc_info=not isinstance(error, OSError))
            person = self._people.setdefault(uid, _Person(None, 0))
            given_up, person.file = person.file, None
            if given_up is not None:
                with suppress(Exception):
                    given_up.close()

    def _write(self, source: Source, frame: EncodedFrame) -> None:
        person = self._people.get(source.uid) or self._begin(source, frame)
        if person.file is None:
            return
        number = person.numbers.get((source.label, source.codec))
        if number is None:
            number = self._add_track(person, person.file, source, frame)
        if not number:
            return
        time_ms = person.timelines[number].place(frame)
        person.file.write(number, time_ms, content(frame), keyframe=frame.keyframe)

    def _add_track(self, person: _Person, file: MatroskaFile, source: Source, frame: EncodedFrame) -> int:
        """The number of a new track; 0 where it cannot begin with this frame, or the file is full of tracks."""
        described = entry(frame, source.label)
        if described is None:
            return 0
        try:
            number = file.add_track(*described)
        except ValueError as error:
            logger.warning("%s of %s is not recorded: %s", source.label, source.uid, error)
            number = 0
        person.numbers[source.label, source.codec] = number
        person.timelines[number] = Timeline(person.began_ns)
        return number

    def _begin(self, source: Source, frame: EncodedFrame) -> _Person:
        age_ns = time.monotonic_ns() - frame.time_ns
        title = f"{source.person} in {self._title}"
        file = MatroskaFile(
            self._name_file(source), title=title, began_ns=time.time_ns() - age_ns, cluster_ms=self._cluster_ms
        )
        person = self._people[source.uid] = _Person(file, frame.time_ns)
        return person
