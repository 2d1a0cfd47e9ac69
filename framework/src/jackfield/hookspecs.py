"""Every question that the framework asks a plugin, in the order it asks. Hooks run at set-up, on the main thread.

A plugin is an object that an entry point in group ``jackfield`` names. It has ``name`` (the entry point's own),
``api_version`` (``API_VERSION`` of the framework it was written for), optionally ``options`` (an attrs class whose
fields are its keys in ``jackfield.toml``), and methods marked with ``@jackfield.hookimpl`` for the hooks it answers.
Hooks answer with factories and descriptions, and import no native library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from jackfield.roles import (
        CaptureDriver,
        DecoderFactory,
        EncoderFactory,
        PlaybackDriver,
        ProcessorFactory,
        RendererFactory,
        TokenProviderFactory,
        TranscriberFactory,
    )
    from jackfield.values.findings import Finding
    from jackfield.values.people import Place
    from jackfield.values.settings import SessionSettings

PROJECT = "jackfield"
#: (major, minor): a plugin written for another major, or a newer minor, is refused with the reason.
API_VERSION = (1, 0)

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_token_providers(options: Any) -> Sequence[TokenProviderFactory]:
    """Where log-ins and call tokens come from."""
    return ()


@hookspec
def check_settings(settings: SessionSettings, place: Place, options: Any) -> Sequence[Finding]:
    """What is wrong with these settings here. Every plugin is asked and all findings are shown at once."""
    return ()


@hookspec
def register_captures(options: Any) -> Sequence[CaptureDriver]:
    """Cameras, microphones, screens."""
    return ()


@hookspec
def register_processors(options: Any) -> Sequence[ProcessorFactory]:
    """What changes sound and pictures between device and encoder: echo, noise, gain; rotation, cropping."""
    return ()


@hookspec
def register_codecs(options: Any) -> Sequence[EncoderFactory | DecoderFactory]:
    """Encoders and decoders, each by codec, backend and rank."""
    return ()


@hookspec
def register_renderers(options: Any) -> Sequence[RendererFactory]:
    """Where a call is shown or kept."""
    return ()


@hookspec
def register_playbacks(options: Any) -> Sequence[PlaybackDriver]:
    """Loudspeakers."""
    return ()


@hookspec
def register_transcribers(options: Any) -> Sequence[TranscriberFactory]:
    """What makes text of speech, each for some languages."""
    return ()
