"""The registry: each choice is the best that works, and keeps why each other was passed over."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, frozen

from jackfield.plugins import Config, PluginOptions, Plugins, Prober
from jackfield.plugins.loader import LoadedPlugin
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceGone, EncoderError, PluginError, SettingsError
from jackfield.values.findings import Finding
from jackfield.values.formats import VideoEncoding, VideoFormat
from jackfield.values.people import Place
from jackfield.values.settings import SessionSettings

ENCODING = VideoEncoding("H264", 640, 360)


@define
class Codec:
    """A factory that answers as told; ``failure`` is raised when it is opened."""

    name: str
    backend: str = "software"
    rank: int = 10
    codec: str = "H264"
    makes: str = "encoder"
    reason: str | None = None
    failure: Exception | None = None

    def probe(self) -> str | None:
        return self.reason

    def open(self, *_: Any, **__: Any) -> str:
        if self.failure:
            raise self.failure
        return f"running {self.name}"


@frozen
class Driver:
    """A driver whose devices are a list."""

    name: str
    found: Sequence[Device] = ()
    kinds: frozenset[str] = frozenset({"camera"})
    failure: Exception | None = None

    def devices(self) -> Sequence[Device]:
        if self.failure:
            raise self.failure
        return self.found


@frozen
class Tokens:
    """A source of tokens that suits, or says why not."""

    name: str
    rank: int = 10
    reason: str | None = None

    def unsuited(self, place: Place) -> str | None:
        return self.reason

    def open(self, place: Place) -> str:
        return f"open {self.name}"


@frozen
class Screen:
    """A renderer that acts on some settings."""

    name: str
    rank: int = 10
    acts_on: tuple[str, ...] = ()


def registry(folder: Path, prefer: Sequence[str] = (), **offers: dict[str, list[Any]]) -> Plugins:
    """Plugins by name, each with its offers by hook; no entry point is needed to test a choice.

    Hardware runs in this process: another could not find what no entry point names.
    """
    loaded = tuple(
        LoadedPlugin(name.replace("_", "-"), "1", object(), None, {}, hooks) for name, hooks in offers.items()
    )
    config = Config(plugins=PluginOptions(prefer=tuple(prefer), isolate="none"))
    return Plugins(config, loaded, (), (), Prober(folder / "probes.json"))


def codecs(folder: Path, *factories: Codec, prefer: Sequence[str] = ()) -> Plugins:
    return registry(folder, prefer, codecs={"register_codecs": list(factories)})


def cameras(folder: Path, *devices: Device, prefer: Sequence[str] = ()) -> Plugins:
    by_plugin: dict[str, Any] = {}
    for device in devices:
        by_plugin.setdefault(device.plugin, []).append(device)
    offers = {name: {"register_captures": [Driver(name, found)]} for name, found in by_plugin.items()}
    return registry(folder, prefer, **offers)


def camera(id: str, label: str = "C920", **more: Any) -> Device:
    return Device(id, "camera", label, **more)


# --- encoders
def test_the_highest_rank_that_works_is_taken(tmp_path: Path) -> None:
    """Rank decides where nobody asked, and the others keep why they were not taken."""
    plugins = codecs(tmp_path, Codec("slow", rank=10), Codec("fast", rank=60), Codec("best", rank=90, reason="no card"))
    encoder, choice = plugins.encoder("H264", ENCODING)
    assert encoder == "running fast"
    assert (choice.chosen, choice.plugin, choice.why) == ("fast", "codecs", "rank 60")
    assert [str(other) for other in choice.passed_over] == [
        "best (codecs): no card",
        "slow (codecs): not needed: fast works and comes first",
    ]


@pytest.mark.parametrize("wish", ["slow", "SLOW", "software"])
def test_what_is_asked_for_by_name_or_backend_comes_first(tmp_path: Path, wish: str) -> None:
    """A preference is a backend, a name or a plugin, in any case."""
    plugins = codecs(tmp_path, Codec("fast", backend="nvenc", rank=60), Codec("slow", rank=10))
    choice = plugins.encoder("H264", ENCODING, prefer=[wish])[1]
    assert (choice.chosen, choice.why) == ("slow", "asked for by name")


def test_a_preference_that_does_not_work_falls_back_and_says_why(tmp_path: Path) -> None:
    """First that works wins, and an error that opening raised is the reason."""
    plugins = codecs(
        tmp_path,
        Codec("a", failure=EncoderError("no such profile")),
        Codec("b", failure=OSError("busy")),
        Codec("c", rank=1),
    )
    choice = plugins.encoder("H264", ENCODING, prefer=["a"])[1]
    assert choice.chosen == "c"
    assert [other.reason for other in choice.passed_over] == ["no such profile", "it failed: OSError: busy"]


def test_one_that_failed_in_mid_call_is_passed_over(tmp_path: Path) -> None:
    """The caller names what broke, and the next backend takes over."""
    plugins = codecs(tmp_path, Codec("a", rank=90), Codec("b"))
    choice = plugins.encoder("H264", ENCODING, failed={"a": "it broke at frame 300"})[1]
    assert (choice.chosen, choice.passed_over[0].reason) == ("b", "it broke at frame 300")


def test_no_encoder_lists_every_reason(tmp_path: Path) -> None:
    """The error is whole in itself."""
    with pytest.raises(EncoderError, match=r"a \(codecs\): no card"):
        codecs(tmp_path, Codec("a", reason="no card")).encoder("H264", ENCODING)
    with pytest.raises(EncoderError, match="no encoder of AV1 is installed"):
        codecs(tmp_path, Codec("a")).encoder("AV1", ENCODING)


def test_the_configuration_prefers_plugins(tmp_path: Path) -> None:
    """``[plugins] prefer`` swaps backends with no code."""
    plugins = registry(
        tmp_path,
        ["mine"],
        codecs={"register_codecs": [Codec("usual", rank=90)]},
        mine={"register_codecs": [Codec("other", rank=1)]},
    )
    choice = plugins.encoder("H264", ENCODING)[1]
    assert (choice.chosen, choice.why) == ("other", "preferred in [plugins] prefer")


def test_decoders_are_told_from_encoders(tmp_path: Path) -> None:
    """One hook gives both kinds."""
    plugins = codecs(tmp_path, Codec("enc"), Codec("dec", makes="decoder"))
    assert plugins.decoder("h264")[0] == "running dec"
    assert (plugins.codecs("encoder"), plugins.usable("decoder", "H264").chosen) == (["H264"], "dec")


def test_choices_are_explained_afterwards(tmp_path: Path) -> None:
    """``explain`` has the latest choice of each role."""
    plugins = codecs(tmp_path, Codec("a"))
    plugins.encoder("H264", ENCODING)
    assert [str(choice) for choice in plugins.explain()] == ["encoder H264: a (codecs): rank 10"]


def test_hardware_that_does_not_open_is_left_to_itself(tmp_path: Path) -> None:
    """A driver that hangs costs so long and no longer; what opens after all is closed again."""
    over, closed = threading.Event(), threading.Event()

    class Slow(Codec):
        def probe(self) -> str | None:
            return None

        def open(self, *_: Any, **__: Any) -> Any:
            over.wait(20)
            return SimpleNamespace(close=closed.set)

    plugins = codecs(tmp_path, Slow("slow", "card", 50), Codec("soft"))
    plugins.prober.begin = lambda offer, **_: known(None)  # type: ignore[method-assign]
    encoder, choice = plugins.encoder("H264", ENCODING, patience_s=0.0)
    assert (encoder, choice.chosen, choice.backend) == ("running soft", "soft", "software")
    assert "opening it took longer than 1 s" in str(choice.passed_over[0])
    assert not closed.is_set()
    over.set()
    assert closed.wait(5)


def test_what_may_be_taken_is_tried_out_and_nothing_else(tmp_path: Path) -> None:
    """All hardware that comes before software at the same time; none behind what is known to work."""
    begun: list[str] = []
    answers: dict[str, str | None] = {"a": "no card", "b": "no card", "c": None, "d": None}
    cards = [Codec(name, f"card-{name}", 60 - number) for number, name in enumerate("abcd")]
    plugins = codecs(tmp_path, *cards, Codec("soft"), Codec("last", "card-last", 1))

    def begin(offer: Any, **_: Any) -> Any:
        begun.append(offer.thing.name)
        return known(answers.get(offer.thing.name))

    plugins.prober.begin = begin  # type: ignore[method-assign]
    assert plugins.usable("encoder", "H264").chosen == "c"
    assert list(dict.fromkeys(begun)) == ["a", "b", "c"]
    begun.clear()
    assert plugins.usable("encoder", "H264", ["software"]).chosen == "soft"
    assert begun == ["soft"]


def known(answer: str | None) -> Future[str | None]:
    """A probe that is done."""
    asked: Future[str | None] = Future()
    asked.set_result(answer)
    return asked


# --- devices
FRONT = camera("cam:front", "Logitech C920", address="/dev/video0", rank=60, facing="front")
REAR = camera("cam:rear", "Rear camera", address="/dev/video2", rank=50, facing="rear")
TEST = camera("synthetic:card", "Test card", rank=5)


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [
        (None, "cam:front"),
        ("cam:rear", "cam:rear"),
        ("/dev/video2", "cam:rear"),
        ("c920", "cam:front"),
        ("rear camera", "cam:rear"),
        ("synthetic", "synthetic:card"),
        (["absent", "cam:rear", "cam:front"], "cam:rear"),
        ("none", ""),
        ([], ""),
        (["absent", "none"], ""),
    ],
)
def test_a_wish_means_a_device(tmp_path: Path, wish: Any, chosen: str) -> None:
    """Id, address, label, part of a label, plugin, a list in order, and none."""
    device, driver, choice = cameras(tmp_path, FRONT, REAR, TEST).device("camera", wish)
    assert choice.chosen == chosen
    assert (device.id if device else "") == chosen
    assert (driver is None) is (device is None)


def test_an_ambiguous_wish_lists_the_candidates(tmp_path: Path) -> None:
    """Two cameras of one make are told apart by the person, not by chance."""
    twins = camera("cam:a", "C920", address="/dev/video0"), camera("cam:b", "C920", address="/dev/video2")
    with pytest.raises(SettingsError) as caught:
        cameras(tmp_path, *twins).device("camera", "C920")
    (finding,) = caught.value.findings
    assert "cam:a" in finding.found
    assert "cam:b" in finding.found


def test_of_several_ways_to_one_device_the_best_is_meant(tmp_path: Path) -> None:
    """One plugin, one bus: by the sound server, and by ALSA. A way that is not ready gives way to one that is."""
    shared = camera("cam:pulse-c920", "C920 Stereo", bus="usb-1", rank=60)
    direct = camera("cam:alsa-c920", "C920", bus="usb-1", rank=45)
    another = camera("cam:alsa-c930", "C930", bus="usb-2", rank=45)
    device, _, choice = cameras(tmp_path, direct, shared, another).device("camera", "C92")
    assert (device.id, choice.chosen) == ("cam:pulse-c920", "cam:pulse-c920")
    held = camera("cam:pulse-c920", "C920 Stereo", bus="usb-1", rank=60, state="busy", note="held")
    device, _, _ = cameras(tmp_path, direct, held, another).device("camera", "C92")
    assert device.id == "cam:alsa-c920"
    with pytest.raises(SettingsError):
        cameras(tmp_path, direct, shared, another).device("camera", "C9")


def test_a_device_of_no_rank_is_taken_only_where_it_is_named(tmp_path: Path) -> None:
    """What hears what is played would send everybody their own voice."""
    monitor = camera("cam:monitor", "Monitor", rank=0)
    assert cameras(tmp_path, monitor, FRONT).device("camera", None)[0].id == FRONT.id
    with pytest.raises(DeviceGone, match="name cam:monitor where it is meant"):
        cameras(tmp_path, monitor).device("camera", None)
    assert cameras(tmp_path, monitor).device("camera", "cam:monitor")[0].id == "cam:monitor"


def test_a_device_that_is_missing_says_what_is_there_and_what_to_install(tmp_path: Path) -> None:
    """A wish with the name of a plugin that is not installed says so."""
    plugins = cameras(tmp_path, FRONT)
    with pytest.raises(DeviceGone, match="pip install jackfield-v4l2"):
        plugins.device("camera", "v4l2:usb-1")
    with pytest.raises(DeviceGone, match="there are cam:front"):
        plugins.device("camera", "C930")


def test_words_tell_what_kind_of_device_is_meant(tmp_path: Path) -> None:
    """Where nobody says whether a camera or a screen is meant: what is called so, or like it, or is of that plugin."""
    plugins = cameras(tmp_path, camera("cams:one"), Device("cams:slides", "screen", "My slides"))
    for wish, kind in [("cams:one", "camera"), ("slides", "screen"), ("My slides", "screen"), ("nothing", "camera")]:
        assert plugins.kind_of(wish) == kind
    none = Driver("only", [], frozenset({"screen"}))
    assert registry(tmp_path, only={"register_captures": [none]}).kind_of("only:what") == "screen"


@pytest.mark.parametrize(
    ("wish", "meant"), [("cam:frnt", "cam:front"), ("Rear camra", "Rear camera"), ("cam:other", ""), ("Screen", "")]
)
def test_a_mistyped_device_is_answered_with_the_one_that_was_meant(tmp_path: Path, wish: str, meant: str) -> None:
    """What the ids share, which is the plugin's name, makes none of them near."""
    with pytest.raises(DeviceGone) as caught:
        cameras(tmp_path, FRONT, REAR).device("camera", wish)
    assert ("did you mean" in caught.value.message) is bool(meant)
    assert meant in caught.value.message
    assert "there are cam:front (Logitech C920); cam:rear (Rear camera)" in caught.value.message


def test_a_device_that_is_not_ready_says_so_when_it_was_named(tmp_path: Path) -> None:
    """Named alone it is an error with its note; in a list, or unnamed, the next is taken."""
    busy = camera("cam:busy", "Busy", rank=99, state="busy", note="held by zoom")
    plugins = cameras(tmp_path, busy, FRONT)
    with pytest.raises(DeviceBusy, match="held by zoom"):
        plugins.device("camera", "cam:busy")
    assert plugins.device("camera", ["cam:busy", "cam:front"])[2].chosen == "cam:front"
    choice = plugins.device("camera")[2]
    assert (choice.chosen, choice.passed_over[0].reason) == ("cam:front", "it is busy: held by zoom")


def test_the_facing_that_is_wanted_counts_more_than_rank(tmp_path: Path) -> None:
    """A rear camera is taken for REAR though the front one is better."""
    assert cameras(tmp_path, FRONT, REAR).device("camera", facing="rear")[2].chosen == "cam:rear"


def test_a_driver_that_fails_costs_its_own_devices_alone(tmp_path: Path) -> None:
    """Its error is kept as the reason why nothing of it was taken."""
    plugins = registry(
        tmp_path,
        bad={"register_captures": [Driver("bad", failure=OSError("udev is gone"))]},
        cam={"register_captures": [Driver("cam", [FRONT])]},
    )
    choice = plugins.device("camera")[2]
    assert choice.chosen == "cam:front"
    assert "udev is gone" in choice.passed_over[-1].reason


# --- tokens, renderers, settings
class Asked(Driver):
    """A driver that must ask its devices for their modes."""

    def modes(self, device: Device) -> Sequence[VideoFormat]:
        if device.state == "denied":
            raise DeviceDenied("not yours")
        return [VideoFormat(640, 480)]


def test_modes_are_asked_for_where_the_listing_has_none(tmp_path: Path) -> None:
    """The listing's own are taken as they are; a device that cannot be asked has none, and is no error."""
    listed, silent = camera("uvc:1", modes=(VideoFormat(320, 240),)), camera("uvc:2")
    denied, foreign = camera("uvc:3", state="denied", note="no"), camera("other:1")
    plugins = registry(tmp_path, uvc={"register_captures": [Asked("uvc", [listed, silent, denied])]})
    found = [plugins.modes(device) for device in (listed, silent, denied, foreign)]
    assert found == [(VideoFormat(320, 240),), (VideoFormat(640, 480),), (), ()]


def test_the_token_source_that_suits_is_opened(tmp_path: Path) -> None:
    """Highest rank first; none that suits is an error with every reason."""
    hook = "register_token_providers"
    plugins = registry(tmp_path, t={hook: [Tokens("http", 90, "no url"), Tokens("local")]})
    assert plugins.token_provider(Place()) == "open local"
    with pytest.raises(PluginError, match="no url"):
        registry(tmp_path, t={hook: [Tokens("http", 90, "no url")]}).token_provider(Place())


def test_a_renderer_that_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    """Or which one was meant."""
    plugins = registry(tmp_path, render_web={"register_renderers": [Screen("web")]})
    assert plugins.renderer("web") is plugins.renderer("render-web")
    with pytest.raises(SettingsError, match="pip install jackfield-render-qt"):
        plugins.renderer("qt")
    with pytest.raises(SettingsError, match="did you mean web"):
        plugins.renderer("wbe")


class Check:
    """A plugin that finds something, or breaks."""

    def __init__(self, *found: Any, failure: Exception | None = None) -> None:
        self.found, self.failure = found, failure

    def ask(self, hook: str, **_: Any) -> Any:
        if self.failure:
            raise self.failure
        return self.found


def checked(folder: Path, *checks: Any, acted_on: Sequence[str] | None = None, **settings: Any) -> list[Finding]:
    plugins = registry(folder)
    for number, check in enumerate(checks):
        check.name, check.hooks, check.plugin, check.offers = f"check-{number}", {"check_settings": None}, object(), {}
        plugins.loaded += (check,)
    return plugins.check_settings(SessionSettings.from_dict(settings), Place(), acted_on=acted_on)


def test_every_check_is_asked_and_one_that_raises_is_named(tmp_path: Path) -> None:
    """A broken check must not let through what it would have refused, nor hide what the others found."""
    found = checked(tmp_path, Check(failure=ValueError("oops")), Check(Finding("warning", "title", "long", "cut it")))
    assert [(finding.severity, finding.key, finding.source) for finding in found] == [
        ("error", "plugin check-0", "check-0"),
        ("warning", "title", "check-1"),
    ]
    assert "oops" in found[0].found
    assert 'disable = ["check-0"]' in found[0].fix


def test_a_check_that_answers_nonsense_is_named(tmp_path: Path) -> None:
    """Only findings are findings."""
    (found,) = checked(tmp_path, Check("no"))
    assert "something other than findings" in found.found


def test_a_setting_on_which_nothing_acts_is_a_warning(tmp_path: Path) -> None:
    """What differs from its default, and neither the caller, a plugin nor the renderer in use acts on."""
    found = checked(tmp_path, acted_on=("title",), title="x", simulcast=True, hide_chat_button=True)
    assert [(finding.severity, finding.key) for finding in found] == [("warning", "simulcast")]


def test_a_part_that_is_not_to_be_hidden_asks_nobody_to_act(tmp_path: Path) -> None:
    """A command line that renders says so of every part; a renderer without such parts is none the worse. What is to be
    hidden has to be hidden by somebody."""
    shown = {"hide_chat_button": False, "hide_recording_button": False, "hide_header_panel": True}
    found = checked(tmp_path, acted_on=("title",), **shown)
    assert [(finding.severity, finding.key) for finding in found] == [("warning", "hide_header_panel")]


def test_a_key_that_nothing_encrypts_with_is_an_error(tmp_path: Path) -> None:
    """Nobody shall believe that a call is encrypted end to end when it is not."""
    (found,) = checked(tmp_path, acted_on=("title",), title="x", e2ee_key="hush")
    assert (found.severity, found.key) == ("error", "e2ee_key")
    assert "would not be encrypted" in found.found
    assert "hush" not in str(found)
    assert checked(tmp_path, acted_on=("e2ee_key",), e2ee_key="hush") == []


def test_a_renderer_in_use_acts_on_settings(tmp_path: Path) -> None:
    """Its ``acts_on`` counts only where it is chosen."""
    plugins = registry(tmp_path, web={"register_renderers": [Screen("web", acts_on=("layout", "renderers"))]})
    shown = SessionSettings.from_dict({"layout": "SIDEBAR", "renderers": ["web"]})
    unseen = SessionSettings.from_dict({"layout": "SIDEBAR"})
    assert plugins.check_settings(shown, Place(), acted_on=()) == []
    assert [finding.key for finding in plugins.check_settings(unseen, Place(), acted_on=())] == ["layout"]


def test_names_that_mean_nothing_here_are_found(tmp_path: Path) -> None:
    """An encoder that is not installed is passed over with a warning, a renderer is an error."""
    found = checked(tmp_path, encoders=["nvenc"], renderers=["qt"])
    assert [(finding.severity, finding.key) for finding in found] == [("warning", "encoders"), ("error", "renderers")]
    assert "pip install jackfield-nvenc" in found[0].fix


def test_a_wish_that_fails_is_explained_too(tmp_path: Path) -> None:
    """Who ails and who could not say what it has stand beside the reason, for `explain`."""
    denied = camera("cam:denied", state="denied", note="sudo usermod -aG video ada")
    plugins = registry(
        tmp_path,
        cam={"register_captures": [Driver("cam", [denied])]},
        bad={"register_captures": [Driver("bad", failure=OSError(5, "Input/output error"))]},
    )
    with pytest.raises(DeviceGone):
        plugins.device("camera", ["Blue", "cam:none"])
    (choice,) = plugins.explain()
    said = str(choice).splitlines()
    assert said[0].startswith("camera Blue, cam:none: nothing: no camera out of Blue, cam:none can be used")
    assert "  passed over cam:denied (cam): it is denied: sudo usermod -aG video ada" in said
    assert "  passed over bad (bad): its devices could not be listed: OSError: [Errno 5] Input/output error" in said


def test_what_ails_a_device_names_it_once(tmp_path: Path) -> None:
    """Drivers put the name before what they say of it; in a list of devices it stands there already."""
    full = camera("cam:a", state="denied", note="A (cam:a) may not be opened by this user: /dev/video0", label="A")
    plugins = registry(tmp_path, cam={"register_captures": [Driver("cam", [full, camera("cam:b")])]})
    _, _, choice = plugins.device("camera", None)
    assert "  passed over cam:a (cam): it may not be opened by this user: /dev/video0" in str(choice).splitlines()
    with pytest.raises(DeviceDenied, match=r"^ERROR_DEVICE_DENIED: A \(cam:a\) may not be opened"):
        plugins.device("camera", "cam:a")


def test_a_driver_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """The listing has the others, and says who was too slow."""
    over = threading.Event()

    class Hanging(Driver):
        def devices(self) -> Sequence[Device]:
            over.wait(30)
            return ()

    plugins = registry(
        tmp_path,
        slow={"register_captures": [Hanging("slow")]},
        cam={"register_captures": [Driver("cam", [camera("cam:a")])]},
    )
    try:
        devices, broken = plugins.listing("camera", limit_s=0.5)
    finally:
        over.set()
    assert [device.id for device in devices] == ["cam:a"]
    assert [(driver.plugin, "no answer within 0.5 s" in driver.reason) for driver in broken] == [("slow", True)]


def test_an_id_that_is_listed_twice_is_one_device(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody could name one of two; and texts that a terminal would obey are shown as texts."""
    plugins = cameras(tmp_path, FRONT, FRONT, camera("cam:odd", "\x1b[2J\nred\ud800" + 5000 * "x"))
    listed = plugins.devices("camera")
    assert [device.id for device in listed] == ["cam:front", "cam:odd"]
    assert listed[1].label.isprintable()
    assert len(listed[1].label) == 1000
    assert "cam:front is listed twice" in caplog.text


def test_nothing_is_listed_where_nothing_is_wanted(tmp_path: Path) -> None:
    """A driver that hangs holds nobody up who wants none of it."""
    plugins = registry(tmp_path, bad={"register_captures": [Driver("bad", failure=SystemExit(9))]})  # type: ignore[arg-type]
    assert plugins.device("camera", "none")[0] is None
    with pytest.raises(DeviceGone, match="it raised SystemExit"):
        plugins.device("camera")
