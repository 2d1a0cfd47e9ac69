"""What a program sends to others in a call, beside media."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jackfield.roles import Unwatch
from jackfield.session.data.outgoing import Progress
from jackfield.session.data.rpc import RESPONSE_S, Method, check, failure
from jackfield.session.data.writers import ByteStreamWriter, TextStreamWriter, split_text
from jackfield.session.messages import Messages
from jackfield.session.room import NotHere
from jackfield.values.streams import ByteStreamInfo, RpcCode, TextStreamInfo

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Messaging:
    """Messages, streams of text and bytes, and remote calls; the part of a `CallSession` that needs no media."""

    _messages: Messages

    # --- messages
    async def send_data(
        self, payload: bytes | str, *, reliable: bool = True, topic: str = "", to: Sequence[str] = ()
    ) -> None:
        """Sends a message of at most 60 000 bytes to everyone, or ``to`` these uids; others hear event ``data``.

        ``reliable``: in order, sent again when lost. `NotAllowed` when the token does not let us, ``ValueError`` for a
        uid that nobody here has, as with all that is sent ``to`` somebody.
        """
        await self._messages.send(payload, reliable=reliable, topic=topic, to=to)

    # --- streams
    async def send_text(
        self,
        text: str,
        *,
        topic: str = "",
        to: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        reply_to: str = "",
        on_progress: Progress | None = None,
    ) -> TextStreamInfo:
        """Sends a text of any length to everyone, or ``to`` these uids, as a text stream (chat has topic ``lk.chat``).

        Returns when it has been handed to the network. ``on_progress`` is called with the share that was, 0 to 1.
        """
        to = await self._messages.addressed(to)
        pieces = split_text(text)
        size = sum(map(len, pieces))
        writer = await self._messages.path.outgoing.begin_text(topic, to, attributes, size=size, reply_to=reply_to)
        async with writer:
            for piece in pieces:
                await writer.write(piece.decode())
                if on_progress is not None:
                    on_progress(writer.sent / size)
        return writer.info

    async def stream_text(
        self,
        *,
        topic: str = "",
        to: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        reply_to: str = "",
    ) -> TextStreamWriter:
        """A text stream that is written to bit by bit: ``async with await session.stream_text(…) as writer``."""
        to = await self._messages.addressed(to)
        return await self._messages.path.outgoing.begin_text(topic, to, attributes, reply_to=reply_to)

    async def send_bytes(
        self,
        data: bytes,
        *,
        name: str = "",
        topic: str = "",
        to: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        mime_type: str = "",
    ) -> ByteStreamInfo:
        """Sends these bytes, of any number, to everyone, or ``to`` these uids, as a byte stream."""
        writer = await self.stream_bytes(
            name=name, topic=topic, to=to, attributes=attributes, mime_type=mime_type, total_size=len(data)
        )
        async with writer:
            await writer.write(data)
        return writer.info

    async def stream_bytes(
        self,
        *,
        name: str = "",
        topic: str = "",
        to: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        mime_type: str = "",
        total_size: int | None = None,
    ) -> ByteStreamWriter:
        """A byte stream that is written to bit by bit; ``total_size`` is told to the receivers where it is known."""
        to = await self._messages.addressed(to)
        outgoing = self._messages.path.outgoing
        return await outgoing.begin_bytes(name, topic, to, attributes, size=total_size, mime_type=mime_type)

    async def send_file(
        self,
        path: str | Path,
        *,
        topic: str = "",
        to: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        name: str = "",
        mime_type: str = "",
        on_progress: Progress | None = None,
    ) -> ByteStreamInfo:
        """Sends a file to everyone, or ``to`` these uids, as a byte stream under ``name``, by default its own.

        Read as it goes out, so that its size costs no memory, and messages sent meanwhile do not wait for its end.
        ``on_progress`` is called with the share that was handed to the network, 0 to 1. ``OSError`` when it cannot be
        read, `StreamError` when it becomes shorter meanwhile.
        """
        to = await self._messages.addressed(to)
        return await self._messages.path.outgoing.send_file(
            path, topic, to, attributes, name=name, mime_type=mime_type, on_progress=on_progress
        )

    def on_text_stream(self, topic: str, handler: Callable[..., Any] | None = None) -> Any:
        """Calls ``handler(reader, participant)`` at each text stream of this topic, with a `TextStreamReader`.

        As a decorator, or with ``handler`` for a function that ends it. A coroutine function becomes a task.
        ``ValueError`` where the topic has a handler already. Streams of topics without one are left out.
        """
        return self._registered(lambda given: self._messages.path.incoming.handle("text", topic, given), handler)

    def on_byte_stream(self, topic: str, handler: Callable[..., Any] | None = None) -> Any:
        """As `on_text_stream`, for byte streams and files: ``handler`` gets a `ByteStreamReader`."""
        return self._registered(lambda given: self._messages.path.incoming.handle("byte", topic, given), handler)

    # --- remote calls
    async def rpc(self, uid: str, method: str, payload: str = "", *, timeout_s: float = RESPONSE_S) -> str:
        """Calls a method of another participant and answers with what it answers; payloads are text of at most 15 KiB.

        `RpcError` when it fails, there is none, nobody here has this uid, they leave, or nobody answers within
        ``timeout_s``; ``rpc_code`` says. ``ValueError`` for what is no method's name, text or time.
        """
        check(method, payload, timeout_s)
        try:
            await self._messages.addressed([uid], within_s=timeout_s)
        except NotHere as error:
            raise failure(RpcCode.RECIPIENT_NOT_FOUND, str(error)) from None
        return await self._messages.path.callers.call(uid, method, payload, timeout_s=timeout_s)

    def rpc_method(self, name: str, method: Method | None = None) -> Any:
        """Others can call this function by ``name``: as a decorator, or with ``method`` for a function that ends it.

        It gets an `RpcInvocationData`, answers text, and may be a coroutine function, which is cancelled when its
        caller waits no longer. An `RpcError` that it raises reaches the caller; of any other error the caller learns
        only that there was one. ``ValueError`` for a name that is taken, empty or longer than 64 bytes.
        """
        return self._registered(lambda given: self._messages.path.methods.register(name, given), method)

    @staticmethod
    def _registered(register: Callable[[Any], Unwatch], given: Callable[..., Any] | None) -> Any:
        if given is not None:
            return register(given)

        def decorate(function: Handler) -> Handler:
            register(function)
            return function

        return decorate
