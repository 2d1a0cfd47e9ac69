"""The adapter keeps the contract of cameras: on made-up ones here, on the kernel's drivers in the lab (`test_vivid`,
`test_usb_camera`), never on the cameras of whoever runs the tests."""

from __future__ import annotations

from typing import Any

from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.options import Options
from jackfield_v4l2.plugin import plugin
from jackfield_v4l2.structs import fourcc
from jackfield_v4l2.testing import FakeCamera, FakeKernel, FakeNodes
from jackfield_v4l2.testing.nodes import seen_usb

from jackfield.testing import CaptureContract, PluginContract

SIZES = {(640, 480): (30, 15), (1280, 720): (30, 15)}


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestFakeCameras(CaptureContract):
    """A YUYV and MJPEG camera; one that gives H.264 alone; a multi-planar one with rows that are padded."""

    plugin = plugin

    @classmethod
    def offers(cls) -> list[Any]:
        cameras = [
            FakeCamera(),
            FakeCamera("/dev/video2", modes={fourcc("H264"): SIZES}),
            FakeCamera("/dev/video4", modes={fourcc("NM12"): SIZES}, multiplanar=True, padding=64),
        ]
        kernel = FakeKernel(*cameras)
        ports = {"/dev/video0": "1", "/dev/video2": "2", "/dev/video4": "3"}
        nodes = FakeNodes(kernel, *(seen_usb(address, port) for address, port in ports.items()))
        return [V4l2Captures(Options(), nodes=nodes, kernel=kernel)]
