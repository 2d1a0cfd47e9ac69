"""The contracts that this plugin keeps."""

from jackfield_checks_policy.plugin import plugin as policy

from jackfield.testing import PluginContract, SettingsCheckContract

LARGE = {"video": {"width": 1920, "height": 1080, "fps": 60, "max_bitrate": 9_000_000}}


class TestPlugin(PluginContract):
    """It loads, and imports nothing native."""

    plugin = policy


class TestCheck(SettingsCheckContract):
    """Every limit gives a finding with its fix."""

    plugin = policy
    refused = (
        (
            {"max_width": 1280},
            LARGE,
            "video.width",
        ),
        (
            {"max_height": 720},
            LARGE,
            "video.height",
        ),
        ({"max_fps": 30}, LARGE, "video.fps"),
        (
            {"max_bitrate_bps": 2_000_000},
            LARGE,
            "video.max_bitrate_bps",
        ),
        ({"allow_codecs": ["VP8"]}, {"video_codecs": ["AV1", "VP8"]}, "video_codecs"),
        ({"allow_encoders": ["software"]}, {"encoders": ["nvenc"]}, "encoders"),
        ({"allow_recording": False}, {"auto_start_recording": True}, "auto_start_recording"),
        ({"allow_recording": False}, {"record_to": "calls/"}, "record_to"),
        ({"allow_transcription": False}, {"auto_start_transcription": True}, "auto_start_transcription"),
        ({"require_e2ee": True}, {"title": "Stand-up"}, "e2ee_key"),
    )
