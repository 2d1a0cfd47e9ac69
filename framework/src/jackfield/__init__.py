"""Live calls in Python in which every part that touches a machine or a service is a plugin."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jackfield.hookspecs import API_VERSION, hookimpl
from jackfield.values.errors import (
    AuthTokenError,
    CallError,
    CallTokenError,
    ContainerError,
    DeviceBusy,
    DeviceDenied,
    DeviceError,
    DeviceGone,
    EncoderError,
    EncryptionError,
    LogInError,
    NetworkError,
    NotAllowed,
    NotInitialized,
    PluginError,
    ResponseError,
    RpcError,
    SessionActive,
    SessionIdError,
    SettingsError,
    StreamError,
)
from jackfield.values.findings import Finding

if TYPE_CHECKING:
    from jackfield.calls import Calls, init
    from jackfield.calls.default import generate_token, join_session, login, logout
    from jackfield.session.call import CallSession
    from jackfield.session.call_listener import CallListener
    from jackfield.session.data.readers import ByteStreamReader, TextStreamReader
    from jackfield.session.data.writers import ByteStreamWriter, TextStreamWriter
    from jackfield.session.participant import Participant
    from jackfield.session.publication import Publication
    from jackfield.session.sources import AudioSource, VideoSource
    from jackfield.values.devices import Device, DeviceChange
    from jackfield.values.formats import AudioEncoding, AudioFormat, VideoEncoding, VideoFormat
    from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
    from jackfield.values.people import CallToken, LogIn, Place
    from jackfield.values.settings import (
        AudioMode,
        CameraFacing,
        Layout,
        LayoutType,
        SessionSettings,
        SessionType,
        VideoWish,
    )
    from jackfield.values.settings_builder import SessionSettingsBuilder
    from jackfield.values.streams import ByteStreamInfo, RpcCode, RpcInvocationData, TextStreamInfo

    logged_in_user: LogIn | None
    auth_token: str | None

#: Public name → its module, imported when the name is first used: a plugin's import stays fast.
_WHERE = {
    "Calls": "calls",
    "init": "calls",
    "login": "calls.default",
    "logout": "calls.default",
    "generate_token": "calls.default",
    "join_session": "calls.default",
    "CallSession": "session.call",
    "CallListener": "session.call_listener",
    "ByteStreamReader": "session.data.readers",
    "TextStreamReader": "session.data.readers",
    "ByteStreamWriter": "session.data.writers",
    "TextStreamWriter": "session.data.writers",
    "Participant": "session.participant",
    "Publication": "session.publication",
    "AudioSource": "session.sources",
    "VideoSource": "session.sources",
    "Device": "values.devices",
    "DeviceChange": "values.devices",
    "AudioEncoding": "values.formats",
    "AudioFormat": "values.formats",
    "VideoEncoding": "values.formats",
    "VideoFormat": "values.formats",
    "AudioBlock": "values.media",
    "EncodedFrame": "values.media",
    "VideoFrame": "values.media",
    "CallToken": "values.people",
    "LogIn": "values.people",
    "Place": "values.people",
    "AudioMode": "values.settings",
    "CameraFacing": "values.settings",
    "Layout": "values.settings",
    "LayoutType": "values.settings",
    "SessionSettings": "values.settings",
    "SessionType": "values.settings",
    "VideoWish": "values.settings",
    "SessionSettingsBuilder": "values.settings_builder",
    "ByteStreamInfo": "values.streams",
    "RpcCode": "values.streams",
    "RpcInvocationData": "values.streams",
    "TextStreamInfo": "values.streams",
}


#: Attributes of the default `Calls`; None before `init`.
_OF_DEFAULT = frozenset({"logged_in_user", "auth_token"})


def __getattr__(name: str) -> Any:
    if name in _OF_DEFAULT:
        calls = import_module("jackfield.calls.default").current()
        return getattr(calls, name) if calls is not None else None
    if name not in _WHERE:
        raise AttributeError(f"module 'jackfield' has no attribute {name!r}")
    return getattr(import_module(f"jackfield.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_OF_DEFAULT})
