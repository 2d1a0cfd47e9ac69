"""A camera on the network keeps the contract of every camera and microphone."""

from __future__ import annotations

import socket

import pytest
from jackfield_rtsp.plugin import plugin

from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.plugin import PluginContract
from tests.lab.needs import require

from .cameras import film, serving

with socket.create_server(("127.0.0.1", 0)) as _listener:
    PORT: int = _listener.getsockname()[1]
OPTIONS = {"door": {"url": f"rtsp://127.0.0.1:{PORT}/sound", "sound": True}}


@pytest.fixture(autouse=True, scope="module")
def served(tmp_path_factory):
    """A real server, at a port that was settled before the tests are collected."""
    require("rtsp-server")
    path = film(tmp_path_factory.mktemp("film") / "film.mkv", "h264", 30, sound=True)
    with serving(f"sound:sound:{path}", port=PORT):
        yield


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin
    options = OPTIONS


class TestCaptures(CaptureContract):
    """Its pictures and its sound."""

    plugin = plugin
    options = OPTIONS
