"""What this plugin answers. Qt is imported when a renderer is opened, not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define

from jackfield.hookspecs import hookimpl
from jackfield.roles import RenderedCall, Renderer, RendererFactory
from jackfield.values.errors import PluginError
from jackfield_render_qt.options import Options

#: Every part of the widget that can be hidden, and what its header says.
ACTS_ON = frozenset(
    {
        *("title", "hide_control_panel", "hide_header_panel", "hide_session_timer", "hide_network_indicator"),
        *("hide_leave_session_button", "hide_toggle_audio_button", "hide_toggle_video_button"),
        *("hide_switch_camera_button", "hide_audio_mode_button", "hide_screen_sharing_button"),
        *("hide_raise_hand_button", "hide_participant_list_button", "hide_change_layout_button"),
        *("hide_virtual_background_button", "hide_recording_button", "hide_transcription_button"),
        *("hide_closed_caption_button", "hide_share_invite_button", "hide_chat_button"),
    }
)


@define
class QtRendererFactory:
    """Opens widgets. ``container``: None, a ``QWidget`` or a ``QLayout``."""

    options: Options
    name: str = "render-qt"
    rank: int = 50
    #: Settings on which the widget acts.
    acts_on: frozenset[str] = ACTS_ON

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """The call as a widget, placed in ``container`` where there is one."""
        try:
            from jackfield_render_qt.renderer import opened
        except ImportError as exc:
            raise PluginError(
                f"Qt cannot be loaded: {exc}. On Debian and Ubuntu it needs: apt-get install libegl1 libgl1 "
                "libxkbcommon0 libfontconfig1 libdbus-1-3, and on a desktop libxcb-cursor0"
            ) from exc
        return await opened(call, container, self.options)


class RenderQtPlugin:
    """A call in a window."""

    name = "render-qt"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """The one renderer."""
        return (QtRendererFactory(options),)


plugin = RenderQtPlugin()
