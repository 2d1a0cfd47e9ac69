"""Settings built call by call: ``SessionSettingsBuilder().set_title("Stand-up").set_type("VIDEO").build()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jackfield.values.settings import (
    SETTINGS,
    VENDOR_NAMES,
    AudioMode,
    CameraFacing,
    Layout,
    SessionSettings,
    SessionType,
    VideoWish,
    setting_named,
)
from jackfield.values.settings_rules import nearest, snake_case


class SessionSettingsBuilder:
    """Collects settings; `build` checks them all at once.

    Every method answers with the builder. The vendor's own names work too, in either case: ``setDisplayName``,
    ``startAudioMuted``, ``hideControlPanel``, ``enableLowBandwidthMode``, ``setIdleTimeoutPeriodBeforePrompt`` (ms).
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def build(self) -> SessionSettings:
        """The settings; `SettingsError` has every mistake that was made on the way."""
        return SessionSettings.from_dict(self._values)

    def _set(self, key: str, value: object) -> Self:
        for other in [other for other in self._values if setting_named(other) == setting_named(key)]:
            del self._values[other]
        self._values[key] = value
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[[Any], SessionSettingsBuilder]:
            key = _key_of(name)
            if name.startswith("_") or key is None:
                near = nearest(snake_case(name), [f"set_{setting}" for setting in SETTINGS])
                hint = f"; did you mean {near}?" if near else ""
                raise AttributeError(f"SessionSettingsBuilder has no {name}{hint}")
            return lambda value=True: self._set(key, value)

    def set_title(self, value: str | None) -> Self:
        """Text in the header of the call."""
        return self._set("title", value)

    def set_display_name(self, value: str | None) -> Self:
        """The name that others see."""
        return self._set("display_name", value)

    def set_type(self, value: SessionType | str) -> Self:
        """With pictures, or voice alone (no camera is opened)."""
        return self._set("type", value)

    def set_layout(self, value: Layout | str) -> Self:
        """How pictures are laid out."""
        return self._set("layout", value)

    def set_start_audio_muted(self, value: bool = True) -> Self:
        """Join with the microphone muted; `unmute_audio` turns it on."""
        return self._set("start_audio_muted", value)

    def set_start_video_paused(self, value: bool = True) -> Self:
        """Join with the camera paused; `resume_video` turns it on."""
        return self._set("start_video_paused", value)

    def set_audio_mode(self, value: AudioMode | str) -> Self:
        """Where sound comes out."""
        return self._set("audio_mode", value)

    def set_camera_facing(self, value: CameraFacing | str) -> Self:
        """Which way the first camera looks, where cameras say so."""
        return self._set("camera_facing", value)

    def set_low_bandwidth(self, value: bool = True) -> Self:
        """Spare the line."""
        return self._set("low_bandwidth", value)

    def set_auto_start_recording(self, value: bool = True) -> Self:
        """Record from the start."""
        return self._set("auto_start_recording", value)

    def set_auto_start_transcription(self, value: bool = True) -> Self:
        """Transcribe from the start."""
        return self._set("auto_start_transcription", value)

    def set_caption_language(self, value: str) -> Self:
        """Language of the captions, as a BCP 47 tag."""
        return self._set("caption_language", value)

    def set_idle_timeout_before_prompt_s(self, value: float) -> Self:
        """Seconds alone before the prompt; 0 turns it off."""
        return self._set("idle_timeout_before_prompt_s", value)

    def set_idle_timeout_after_prompt_s(self, value: float) -> Self:
        """Seconds from the prompt to the end; 0 turns it off."""
        return self._set("idle_timeout_after_prompt_s", value)

    def set_hide_control_panel(self, value: bool = True) -> Self:
        """Hide the control panel."""
        return self._set("hide_control_panel", value)

    def set_hide_header_panel(self, value: bool = True) -> Self:
        """Hide the header panel."""
        return self._set("hide_header_panel", value)

    def set_hide_session_timer(self, value: bool = True) -> Self:
        """Hide the session timer."""
        return self._set("hide_session_timer", value)

    def set_hide_leave_session_button(self, value: bool = True) -> Self:
        """Hide the leave session button."""
        return self._set("hide_leave_session_button", value)

    def set_hide_toggle_audio_button(self, value: bool = True) -> Self:
        """Hide the toggle audio button."""
        return self._set("hide_toggle_audio_button", value)

    def set_hide_toggle_video_button(self, value: bool = True) -> Self:
        """Hide the toggle video button."""
        return self._set("hide_toggle_video_button", value)

    def set_hide_switch_camera_button(self, value: bool = True) -> Self:
        """Hide the switch camera button."""
        return self._set("hide_switch_camera_button", value)

    def set_hide_audio_mode_button(self, value: bool = True) -> Self:
        """Hide the audio mode button."""
        return self._set("hide_audio_mode_button", value)

    def set_hide_screen_sharing_button(self, value: bool = True) -> Self:
        """Hide the screen sharing button."""
        return self._set("hide_screen_sharing_button", value)

    def set_hide_raise_hand_button(self, value: bool = True) -> Self:
        """Hide the raise hand button."""
        return self._set("hide_raise_hand_button", value)

    def set_hide_participant_list_button(self, value: bool = True) -> Self:
        """Hide the participant list button."""
        return self._set("hide_participant_list_button", value)

    def set_hide_change_layout_button(self, value: bool = True) -> Self:
        """Hide the change layout button."""
        return self._set("hide_change_layout_button", value)

    def set_hide_virtual_background_button(self, value: bool = True) -> Self:
        """Hide the virtual background button."""
        return self._set("hide_virtual_background_button", value)

    def set_hide_recording_button(self, value: bool = True) -> Self:
        """Hide the recording button."""
        return self._set("hide_recording_button", value)

    def set_hide_transcription_button(self, value: bool = True) -> Self:
        """Hide the transcription button."""
        return self._set("hide_transcription_button", value)

    def set_hide_closed_caption_button(self, value: bool = True) -> Self:
        """Hide the closed caption button."""
        return self._set("hide_closed_caption_button", value)

    def set_hide_share_invite_button(self, value: bool = True) -> Self:
        """Hide the share invite button."""
        return self._set("hide_share_invite_button", value)

    def set_hide_chat_button(self, value: bool = True) -> Self:
        """Hide the chat button."""
        return self._set("hide_chat_button", value)

    def set_hide_network_indicator(self, value: bool = True) -> Self:
        """Hide the network indicator."""
        return self._set("hide_network_indicator", value)

    def set_camera(self, value: str | Sequence[str] | None) -> Self:
        """The camera wanted: its id, label (or a part) or address, or several in order of preference."""
        return self._set("camera", value)

    def set_microphone(self, value: str | Sequence[str] | None) -> Self:
        """The microphone wanted, as the camera is named."""
        return self._set("microphone", value)

    def set_speaker(self, value: str | Sequence[str] | None) -> Self:
        """The loudspeaker wanted, as the camera is named."""
        return self._set("speaker", value)

    def set_video(self, value: VideoWish | Mapping[str, Any]) -> Self:
        """Size, rate and highest bitrate of the picture."""
        return self._set("video", value)

    def set_video_codecs(self, value: Sequence[str]) -> Self:
        """Video codecs in order of preference."""
        return self._set("video_codecs", value)

    def set_encoders(self, value: Sequence[str]) -> Self:
        """Encoder backends (``hardware``, ``software`` …) or names in order of preference."""
        return self._set("encoders", value)

    def set_echo_cancellation(self, value: bool = True) -> Self:
        """Take the loudspeaker's echo out."""
        return self._set("echo_cancellation", value)

    def set_noise_suppression(self, value: bool = True) -> Self:
        """Take background noise out."""
        return self._set("noise_suppression", value)

    def set_auto_gain_control(self, value: bool = True) -> Self:
        """Keep the voice at one level."""
        return self._set("auto_gain_control", value)

    def set_simulcast(self, value: bool = True) -> Self:
        """Send the picture in several sizes."""
        return self._set("simulcast", value)

    def set_passthrough(self, value: bool = True) -> Self:
        """Send what a camera has encoded as it is, where its codec suits."""
        return self._set("passthrough", value)

    def set_renderers(self, value: Sequence[str]) -> Self:
        """Where the call is shown or kept: names of renderers."""
        return self._set("renderers", value)

    def set_record_to(self, value: str | Path | None) -> Self:
        """Record everyone else: the folder it goes to, or a pattern of file names."""
        return self._set("record_to", value)

    def set_reconnect_s(self, value: float) -> Self:
        """Seconds for which a lost call tries to come back before it ends; 0 ends it at once."""
        return self._set("reconnect_s", value)

    def set_e2ee_key(self, value: str | None) -> Self:
        """The key of end-to-end encryption, the same for everybody in the call: whoever has another sees and hears
        nothing, and is told so. The server reads nothing of what is sent."""
        return self._set("e2ee_key", value)


def _key_of(method: str) -> str | None:
    name = snake_case(method)
    for key in (name.removeprefix("set_"), name, name.removeprefix("enable_")):
        if key in SETTINGS or key in VENDOR_NAMES:
            return key
    return None
