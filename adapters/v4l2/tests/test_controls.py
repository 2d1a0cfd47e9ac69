"""Controls by name: listed as the driver has them, set from words, and refused with what would have been right."""

from __future__ import annotations

from typing import Any

import pytest
from jackfield_v4l2 import structs
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.options import Options
from jackfield_v4l2.testing import FakeCamera, FakeKernel, FakeNodes
from jackfield_v4l2.testing.nodes import seen_usb

from jackfield.plugins.config import Config
from jackfield.plugins.loader import load
from jackfield.roles import HasControls, ListsModes
from jackfield.values.errors import SettingsError
from jackfield.values.formats import VideoFormat


def driver(camera: FakeCamera | None = None, **controls: Any) -> tuple[V4l2Captures, FakeCamera]:
    camera = camera or FakeCamera()
    kernel = FakeKernel(camera)
    nodes = FakeNodes(kernel, seen_usb())
    return V4l2Captures(Options(controls=controls), nodes=nodes, kernel=kernel), camera


def value(camera: FakeCamera, name: str) -> int:
    return next(each.value for each in camera.controls if each.name == name)


def test_controls_are_listed_by_name_with_bounds_and_choices() -> None:
    """Whole numbers, booleans, menus with their holes left out, buttons; what governs another is said."""
    cameras, _ = driver()
    assert isinstance(cameras, HasControls)
    assert isinstance(cameras, ListsModes)
    found = {control.name: control for control in cameras.controls(cameras.devices()[0])}
    brightness = found["brightness"]
    assert (brightness.kind, brightness.minimum, brightness.maximum, brightness.value) == ("integer", -64, 64, 0)
    assert found["white_balance_automatic"].value is True
    assert found["auto_exposure"].choices == ("Manual Mode", "Aperture Priority")
    assert found["auto_exposure"].value == "Aperture Priority"
    assert found["link_frequency"].choices == ("30000000", "60000000")
    assert (found["reset"].kind, found["reset"].value) == ("button", None)
    assert "another control" in found["exposure_time_absolute"].note


@pytest.mark.parametrize(
    ("name", "said", "control", "found"),
    [
        ("brightness", "-64", "Brightness", -64),
        ("brightness", 12, "Brightness", 12),
        ("white_balance_automatic", "off", "White Balance, Automatic", 0),
        ("white_balance_automatic", False, "White Balance, Automatic", 0),
        ("auto_exposure", "manual mode", "Auto Exposure", 1),
        ("link_frequency", "60000000", "Link Frequency", 1),
    ],
)
def test_a_control_is_set_from_words(name: str, said: Any, control: str, found: int) -> None:
    """Text as a person types it, or a value."""
    cameras, camera = driver()
    cameras.set_control(cameras.devices()[0], name, said)
    assert value(camera, control) == found


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("brightness", 65, "from -64 to 64"),
        ("brightness", "dark", "from -64 to 64"),
        ("brightness", True, "from -64 to 64"),
        ("white_balance_automatic", "perhaps", "true or false"),
        ("auto_exposure", "Twilight", "Manual Mode, Aperture Priority"),
        ("brightnes", 1, "did you mean brightness"),
        ("warp_drive", 1, "it has brightness, white_balance_automatic"),
    ],
)
def test_a_value_or_name_that_means_nothing_is_answered_with_what_does(name: str, said: Any, words: str) -> None:
    """Bounds, choices, the nearest name, or all of them."""
    cameras, _ = driver()
    with pytest.raises(SettingsError, match=words):
        cameras.set_control(cameras.devices()[0], name, said)


def test_a_control_that_cannot_be_set_now_says_why() -> None:
    """Not the driver's number of the error alone."""
    cameras, camera = driver()
    camera.controls[0].flags = structs.FLAG_GRABBED
    with pytest.raises(SettingsError, match="while pictures are taken"):
        cameras.set_control(cameras.devices()[0], "brightness", 1)


def test_controls_of_the_configuration_are_set_at_opening(caplog: pytest.LogCaptureFixture) -> None:
    """For every camera that has them, and for one by name, which comes last; what a camera lacks is logged."""
    cameras, camera = driver(brightness=5, warp=1, fakecam={"brightness": 7}, other={"brightness": 9})
    cameras.open(cameras.devices()[0], VideoFormat()).stop()
    assert value(camera, "Brightness") == 7
    assert any("no control warp" in record.message for record in caplog.records)


@pytest.mark.parametrize("controls", [{"brightness": 900}, {"fakecam": {"warp": 1}}])
def test_what_the_configuration_sets_wrongly_is_a_finding(controls: dict[str, Any]) -> None:
    """The camera is not opened half adjusted, and nothing of it is left open."""
    kernel = FakeKernel(FakeCamera())
    cameras = V4l2Captures(Options(controls=controls), nodes=FakeNodes(kernel, seen_usb()), kernel=kernel)
    with pytest.raises(SettingsError, match=r"v4l2\.controls\.(brightness|warp)"):
        cameras.open(cameras.devices()[0], VideoFormat())
    assert not kernel.handles


def test_the_table_of_controls_is_read_from_the_configuration() -> None:
    """As it stands in the README."""
    table = {"power_line_frequency": "50 Hz", "C920": {"zoom_absolute": 150}}
    loading = load(Config(tables={"v4l2": {"controls": table}}), only={"v4l2"})
    assert not loading.findings
    assert loading.loaded[0].options.controls == table
