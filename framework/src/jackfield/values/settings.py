"""What a call is joined with: one frozen value, read from keyword arguments, a builder or a mapping.

Every way in runs the same rules and reports every mistake at once, as a `SettingsError`.
"""

# ruff: noqa: RUF009 (the defaults are attrs fields, each with the reader of its values)
from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

import attrs
from attrs import field, frozen

from jackfield.values import settings_rules as rules
from jackfield.values.errors import SettingsError
from jackfield.values.findings import Finding

DeviceWish = str | tuple[str, ...] | None


class SessionType(StrEnum):
    """Whether a call has pictures. ``AUDIO`` is another name of ``VOICE``."""

    VIDEO = "VIDEO"
    VOICE = "VOICE"
    AUDIO = VOICE
    video = VIDEO
    voice = VOICE
    audio = VOICE


class Layout(StrEnum):
    """How the pictures are laid out."""

    TILE = "TILE"
    SIDEBAR = "SIDEBAR"
    SPOTLIGHT = "SPOTLIGHT"
    tile = TILE
    sidebar = SIDEBAR
    spotlight = SPOTLIGHT


class AudioMode(StrEnum):
    """Where sound comes out."""

    SPEAKER = "SPEAKER"
    EARPIECE = "EARPIECE"
    BLUETOOTH = "BLUETOOTH"
    HEADPHONES = "HEADPHONES"
    speaker = SPEAKER
    earpiece = EARPIECE
    bluetooth = BLUETOOTH
    headphones = HEADPHONES


class CameraFacing(StrEnum):
    """Which way the camera looks. ``BACK`` is another name of ``REAR``."""

    FRONT = "FRONT"
    REAR = "REAR"
    BACK = REAR
    front = FRONT
    rear = REAR
    back = REAR


#: The vendor's name of `Layout`.
LayoutType = Layout


def _setting(default: Any, read: rules.Reader, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"read": read, "secret": secret})


@frozen(kw_only=True)
class VideoWish:
    """The picture that is aimed at. ``max_bitrate_bps`` of None leaves it to size and rate (`bitrate_bps`)."""

    width: int = _setting(1280, rules.number(16, 8192, whole=True, unit="pixels"))
    height: int = _setting(720, rules.number(16, 8192, whole=True, unit="pixels"))
    fps: float = _setting(30.0, rules.number(1, 240, unit="frames per second"))
    max_bitrate_bps: int | None = _setting(None, rules.number(30_000, 200_000_000, whole=True, unit="bit/s"))

    @property
    def bitrate_bps(self) -> int:
        """What an encoder is given at most: as asked, else 1.7 Mbit/s at 720p30 and in proportion elsewhere."""
        if self.max_bitrate_bps is not None:
            return self.max_bitrate_bps
        share = self.width * self.height * self.fps / (1280 * 720 * 30)
        return int(min(max(1_700_000 * share**0.75, 100_000), 20_000_000))


#: All that is sent of pictures where ``low_bandwidth`` is on: a recognisable face in a quarter of a megabit.
_LOW = VideoWish(width=640, height=360, fps=15.0, max_bitrate_bps=250_000)


def _video(value: object) -> VideoWish:
    if isinstance(value, VideoWish):
        value = attrs.asdict(value)
    if not isinstance(value, Mapping):
        raise rules.Refused("a table of width, height, fps and max_bitrate_bps")
    clean: dict[str, Any] = {}
    refused: list[rules.Refused] = []
    readers = {a.name: a.metadata["read"] for a in attrs.fields(VideoWish)}
    for key, item in value.items():
        name = {"max_bitrate": "max_bitrate_bps", "framerate": "fps"}.get(rules.snake_case(str(key)))
        name = name or rules.snake_case(str(key))
        if name not in readers:
            near = rules.nearest(name, readers)
            refused.append(rules.Refused("one of " + ", ".join(readers), path=str(key), value=item, near=near))
            continue
        try:
            clean[name] = None if item is None and name == "max_bitrate_bps" else readers[name](item)
        except rules.Refused as refusal:
            refused.append(rules.Refused(refusal.allowed, path=str(key), value=item))
    if refused:
        raise rules.SeveralRefused(refused)
    return VideoWish(**clean)


#: Characters of a wrong value that a finding repeats.
_SHOWN = 100
#: Characters of a key for end-to-end encryption.
KEY_MAX = 1024
_SECONDS = rules.number(0, 86_400, unit="seconds (0 turns it off)")
_TAG = rules.text(pattern=r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", allowed="a language tag such as en-US (BCP 47)")


@frozen(kw_only=True)
class SessionSettings:
    """Everything a call is joined with; fixed once joined, and changed afterwards by actions.

    ``camera``, ``microphone`` and ``speaker`` take a device's id, label or address, several in order of preference,
    ``"none"`` for no device, and None for the best found. Raises `SettingsError` with every mistake.
    """

    title: str | None = _setting(None, rules.text())
    display_name: str | None = _setting(None, rules.text())
    type: SessionType = _setting(SessionType.VIDEO, rules.one_of(SessionType))
    layout: Layout = _setting(Layout.TILE, rules.one_of(Layout))
    start_audio_muted: bool = _setting(False, rules.flag)
    start_video_paused: bool = _setting(False, rules.flag)
    audio_mode: AudioMode = _setting(AudioMode.SPEAKER, rules.one_of(AudioMode))
    camera_facing: CameraFacing = _setting(CameraFacing.FRONT, rules.one_of(CameraFacing))
    low_bandwidth: bool = _setting(False, rules.flag)
    auto_start_recording: bool = _setting(False, rules.flag)
    auto_start_transcription: bool = _setting(False, rules.flag)
    caption_language: str = _setting("en-US", _TAG)
    idle_timeout_before_prompt_s: float = _setting(60.0, _SECONDS)
    idle_timeout_after_prompt_s: float = _setting(180.0, _SECONDS)

    hide_control_panel: bool = _setting(False, rules.flag)
    hide_header_panel: bool = _setting(False, rules.flag)
    hide_session_timer: bool = _setting(False, rules.flag)
    hide_leave_session_button: bool = _setting(False, rules.flag)
    hide_toggle_audio_button: bool = _setting(False, rules.flag)
    hide_toggle_video_button: bool = _setting(False, rules.flag)
    hide_switch_camera_button: bool = _setting(False, rules.flag)
    hide_audio_mode_button: bool = _setting(False, rules.flag)
    hide_screen_sharing_button: bool = _setting(False, rules.flag)
    hide_raise_hand_button: bool = _setting(False, rules.flag)
    hide_participant_list_button: bool = _setting(False, rules.flag)
    hide_change_layout_button: bool = _setting(False, rules.flag)
    hide_virtual_background_button: bool = _setting(False, rules.flag)
    hide_recording_button: bool = _setting(True, rules.flag)
    hide_transcription_button: bool = _setting(True, rules.flag)
    hide_closed_caption_button: bool = _setting(True, rules.flag)
    hide_share_invite_button: bool = _setting(True, rules.flag)
    hide_chat_button: bool = _setting(True, rules.flag)
    hide_network_indicator: bool = _setting(True, rules.flag)

    camera: DeviceWish = _setting(None, rules.device_wish)
    microphone: DeviceWish = _setting(None, rules.device_wish)
    speaker: DeviceWish = _setting(None, rules.device_wish)
    video: VideoWish = _setting(VideoWish(), _video)
    video_codecs: tuple[str, ...] = _setting(("H264", "VP8"), rules.video_codecs)
    encoders: tuple[str, ...] = _setting((), rules.names("an encoder's backend or name"))
    echo_cancellation: bool = _setting(True, rules.flag)
    noise_suppression: bool = _setting(True, rules.flag)
    auto_gain_control: bool = _setting(True, rules.flag)
    simulcast: bool = _setting(False, rules.flag)
    passthrough: bool = _setting(True, rules.flag)
    renderers: tuple[str, ...] = _setting((), rules.names("a renderer's name"))
    record_to: str | None = _setting(None, rules.path)
    reconnect_s: float = _setting(120.0, _SECONDS)
    e2ee_key: str | None = _setting(None, rules.text(longest=KEY_MAX), secret=True)

    #: The settings that whoever made these named, be it with the default's value.
    given: frozenset[str] = field(init=False, eq=False, repr=False)

    def __new__(cls, **values: Any) -> Self:
        settings = super().__new__(cls)
        object.__setattr__(settings, "given", frozenset(values))
        return settings

    def __attrs_post_init__(self) -> None:
        clean, findings = _read({name: getattr(self, name) for name in SETTINGS}, "")
        if findings:
            raise SettingsError(findings)
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    @property
    def video_wish(self) -> VideoWish:
        """The picture that is aimed at: ``video``, and at most 640x360 at 15 a second where ``low_bandwidth`` is on."""
        wish = self.video
        if not self.low_bandwidth:
            return wish
        scale = min(1.0, _LOW.width / max(wish.width, wish.height))
        most = min(wish.max_bitrate_bps or _LOW.bitrate_bps, _LOW.bitrate_bps)
        return VideoWish(
            width=max(16, round(wish.width * scale)),
            height=max(16, round(wish.height * scale)),
            fps=min(wish.fps, _LOW.fps),
            max_bitrate_bps=most,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, base: SessionSettings | None = None, source: str = "") -> Self:
        """Settings from snake_case keys, or the vendor's camelCase ones with milliseconds, over ``base``.

        ``source`` is named in the findings. Raises `SettingsError` with every unknown key and every bad value.
        """
        clean, findings = _read(values, source)
        if findings:
            raise SettingsError(findings)
        start = {name: getattr(base, name) for name in base.given} if base is not None else {}
        return cls(**{**start, **clean})

    def explicit(self) -> dict[str, Any]:
        """The settings that were given, with their values: what counts more than a configuration's defaults."""
        return {name: getattr(self, name) for name in SETTINGS if name in self.given}

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults; the rest say nothing about what is wanted."""
        return {name: getattr(self, name) for name, spec in SETTINGS.items() if getattr(self, name) != spec.default}


SETTINGS: Mapping[str, attrs.Attribute[Any]] = {spec.name: spec for spec in attrs.fields(SessionSettings) if spec.init}

#: Those that leave out a part of what is shown.
HIDES: frozenset[str] = frozenset(name for name in SETTINGS if name.startswith("hide_"))

#: The vendor's names that are not a setting's own in camelCase → the setting, and what one unit of theirs is of ours.
VENDOR_NAMES: Mapping[str, tuple[str, float]] = {
    "session_type": ("type", 1),
    "initial_camera_facing": ("camera_facing", 1),
    "enable_low_bandwidth_mode": ("low_bandwidth", 1),
    "low_bandwidth_mode": ("low_bandwidth", 1),
    "enable_auto_start_recording": ("auto_start_recording", 1),
    "enable_auto_start_transcription": ("auto_start_transcription", 1),
    "idle_timeout_period": ("idle_timeout_before_prompt_s", 1),
    "idle_timeout_period_before_prompt": ("idle_timeout_before_prompt_s", 0.001),
    "idle_timeout_period_after_prompt": ("idle_timeout_after_prompt_s", 0.001),
}


def check(values: Mapping[str, Any], *, source: str = "") -> list[Finding]:
    """Every mistake in ``values``, read as `SessionSettings.from_dict` reads them."""
    return _read(values, source)[1]


def setting_named(key: str) -> str | None:
    """The setting that ``key`` names in any of its spellings; None for an unknown one."""
    name = rules.snake_case(key)
    return name if name in SETTINGS else VENDOR_NAMES.get(name, (None, 1))[0]


def _read(values: Mapping[str, Any], source: str) -> tuple[dict[str, Any], list[Finding]]:
    clean: dict[str, Any] = {}
    findings: list[Finding] = []
    spelled: dict[str, str] = {}
    for key, value in values.items():
        name = setting_named(str(key))
        if name is None:
            findings.append(_unknown(str(key), value, source))
        elif name in spelled:
            found = f"is the same setting as {spelled[name]}, which is given too"
            findings.append(Finding("error", str(key), found, "keep one of the two", source))
        else:
            spelled[name] = str(key)
            read, wrong = _read_one(str(key), name, value, source)
            findings += wrong
            clean.update({} if wrong else {name: read})
    return clean, findings


def _read_one(key: str, name: str, value: object, source: str) -> tuple[Any, list[Finding]]:
    spec = SETTINGS[name]
    scale = VENDOR_NAMES.get(rules.snake_case(key), ("", 1))[1]
    scaled = isinstance(value, int | float) and not isinstance(value, bool) and scale != 1
    try:
        return spec.metadata["read"](value * scale if scaled else value), []  # type: ignore[operator]
    except rules.SeveralRefused as several:
        return None, [_refused(f"{key}.{part.path}", part.value, part, source) for part in several.parts]
    except rules.Refused as refusal:
        shown: object = "a value" if spec.metadata["secret"] else value
        finding = _refused(key, shown, refusal, source)
        if scaled:
            finding = attrs.evolve(finding, fix=f"{finding.fix}, given in milliseconds")
        return None, [finding]


def _short(value: object) -> str:
    """As it was written; of what is long, the beginning."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _refused(key: str, value: object, refusal: rules.Refused, source: str) -> Finding:
    near = f"; did you mean {refusal.near}?" if refusal.near else ""
    return Finding("error", key, f"found {_short(value)}", f"allowed is {refusal.allowed}{near}", source)


def _unknown(key: str, value: object, source: str) -> Finding:
    near = rules.nearest(rules.snake_case(key), [*SETTINGS, *VENDOR_NAMES])
    near = near and _as_written(near, key)
    fix = f"did you mean {near}?" if near else "docs/reference/settings.md has them all"
    return Finding("error", key, f"is no setting (found {_short(value)})", fix, source)


def _as_written(name: str, key: str) -> str:
    if "_" in key or key == key.lower():
        return name
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
