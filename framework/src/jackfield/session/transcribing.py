"""Captions that are made here, for everybody: the part of a `CallSession` that has what is said written down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jackfield.plugins import Plugins, engine
from jackfield.session.chat import Captions
from jackfield.session.messages import Messages
from jackfield.session.opening import aside
from jackfield.session.own_media import OwnMedia
from jackfield.session.transcripts import Transcripts
from jackfield.values.errors import CallError


class Transcribing:
    """Everybody's microphone as text, which everybody sees; made by whichever plugin understands the language."""

    _plugins: Plugins
    _own: OwnMedia
    _captions: Captions
    _messages: Messages
    _transcripts: Transcripts | None = None
    _transcribing: asyncio.Lock

    if TYPE_CHECKING:  # what a `CallSession` has
        settings: Any

        def _check_active(self) -> None: ...

        def _failed(self, error: CallError, source: str) -> None: ...

    @property
    def is_transcribing(self) -> bool:
        """Whether we make captions for everybody."""
        return self._transcripts is not None

    async def start_transcription(self, language: str | None = None) -> None:
        """What everybody says, ourselves too, is written down here from now on, and goes to everybody as captions
        (event ``transcription``, topic ``lk.transcription``).

        ``language`` is a BCP 47 tag, by default the setting ``caption_language``; another one than before takes its
        place. Of two who do this, each person's words are shown as the first has them. `PluginError` says what to
        install where no plugin can, and which languages there are; `NotAllowed` when the token lets us send no data.
        """
        self._messages.check()
        wanted = language or self.settings.caption_language
        async with self._transcribing:
            found = await aside(lambda: engine(self._plugins, wanted))
            self._check_active()
            before = self._transcripts
            if before is not None and before.engine.language == found.language:
                return
            await self._end_transcripts()
            self._transcripts = Transcripts(self, self._own, self._captions, found, self._failed)
            self._transcripts.open()

    async def stop_transcription(self) -> None:
        """Nobody is written down by us any more; what was said until now still goes out. Fine to call twice."""
        self._check_active()
        async with self._transcribing:
            await self._end_transcripts()

    async def _end_transcripts(self, *, at_once: bool = False) -> None:
        transcripts, self._transcripts = self._transcripts, None
        if transcripts is not None:
            await transcripts.close(at_once=at_once)
