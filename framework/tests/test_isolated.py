"""An encoder in a process of its own: it is like any other, and whatever ends that process is an error in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import av
import pytest
from attrs import frozen

from jackfield.plugins import Prober, load, load_config
from jackfield.plugins.isolated import IsolatedEncoder, encoder
from jackfield.plugins.selection import Offer
from jackfield.roles import ForcesKeyframe, Resizes, SetsBitrate
from jackfield.testing import EncoderContract, install, samples
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import VideoFrame

#: Nobody hurries here: a busy machine takes seconds to start Python.
LIMIT_S = 60.0
ENCODING = VideoEncoding("H264", 64, 36, parameters={"profile-level-id": "42e01f"})

#: Hardware whose frames say what they were made of, and which then does what its name says.
CARD = """
import ctypes, json, numpy, os, signal, sys, time
from attrs import frozen
from jackfield import EncodedFrame, EncoderError, hookimpl

@frozen
class Options:
    word: str = ""

class Plain:
    def __init__(self, act, options, encoding):
        self.act, self.options, self.encoding = act, options, encoding
        self.count, self.keyframe, self.bitrate_bps = 0, True, encoding.bitrate_bps
        print("a driver says hello")
    def encode(self, media):
        self.count += 1
        if self.count > 2:
            self.act()
        keyframe, self.keyframe = self.keyframe, False
        picture = media.picture
        said = {
            "pid": os.getpid(), "count": self.count, "word": self.options.word, "bitrate_bps": self.bitrate_bps,
            "size": [picture.width, picture.height], "opened": [self.encoding.width, self.encoding.height],
            "format": picture.format.name, "range": picture.color_range, "parameters": self.encoding.parameters,
            "sum": sum(sum(line) for line in picture.to_ndarray(format="gray").tolist()),
        }
        data = json.dumps(said).encode()
        return [EncodedFrame(data, "H264", keyframe, media.time_ns, rotation=media.rotation)]
    def close(self):
        pass

class Able(Plain):
    def force_keyframe(self):
        self.keyframe = True
    def set_bitrate_bps(self, bitrate_bps):
        self.bitrate_bps = bitrate_bps

def raises():
    raise EncoderError("the card has fallen off the bus")

def closes():
    os.closerange(3, 64)
    time.sleep(3600)

ACTS = {
    "works": lambda: None, "plain": lambda: None, "refuses": lambda: None, "hangs at opening": lambda: None,
    "raises": raises, "divides": lambda: 1 / 0, "exits": lambda: os._exit(3), "closes": closes,
    "segfaults": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL), "hangs": lambda: ctypes.CDLL(None).sleep(3600),
    "holds the interpreter": lambda: ctypes.PyDLL(None).sleep(3600),
}

class Factory:
    codec, backend, rank, makes = "H264", "card", 50, "encoder"
    def __init__(self, name, options):
        self.name, self.options = name, options
    def probe(self):
        return None
    def open(self, encoding):
        if self.name == "refuses":
            raise EncoderError(f"no session is left for {encoding.width}x{encoding.height}")
        if self.name == "hangs at opening":
            time.sleep(3600)
        return (Plain if self.name == "plain" else Able)(ACTS[self.name], self.options, encoding)

class X264:
    name, codec, backend, rank, makes = "x264-aside", "H264", "card", 40, "encoder"
    def probe(self):
        return None
    def open(self, encoding):
        from jackfield.media.libav.encoder import SteeredEncoder
        from jackfield.media.libav.tuning import Tuning
        tuning = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}
        def options(encoding):
            return {**tuning, "maxrate": str(encoding.bitrate_bps), "bufsize": str(encoding.bitrate_bps // 2)}
        return SteeredEncoder(encoding, Tuning("libx264", options, (0.0, 1.0)))

class Plugin:
    name, api_version, options = "card", (1, 0), Options
    @hookimpl
    def register_codecs(self, options):
        return [X264(), *(Factory(name, options) for name in ACTS)]

plugin = Plugin()
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the card is installed."""
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", "card", CARD)))
    monkeypatch.setattr(encoder, "FIRST_S", LIMIT_S)
    return tmp_path / "site"


@frozen
class Named:
    """As much of a factory as its owner's side needs."""

    name: str
    codec: str = "H264"


Open = Callable[..., Any]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens the card's encoder of that name in a process of its own, until the test's end."""
    made: list[IsolatedEncoder] = []

    def open(name: str, encoding: VideoEncoding = ENCODING, **more: Any) -> IsolatedEncoder:
        made.append(IsolatedEncoder(Offer("card", Named(name)), encoding, **{"limit_s": LIMIT_S, **more}))
        return made[-1]

    yield open
    for each in made:
        each.close()


def said(running: Any, media: VideoFrame) -> dict[str, Any]:
    """What the encoder says of the picture."""
    import json

    (frame,) = running.encode(media)
    answer: dict[str, Any] = json.loads(frame.data)
    return answer


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that is waited for in vain (in a container without an init) has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def is_soon(fact: Callable[[], bool], limit_s: float = 30.0) -> bool:
    until = time.monotonic() + limit_s
    while not fact() and time.monotonic() < until:
        time.sleep(0.02)
    return fact()


# --- like any other encoder
@frozen
class Aside:
    """A factory of the card, whose encoder is opened in a process of its own."""

    name: str = "x264-aside"
    codec: str = "H264"
    backend: str = "card"
    rank: int = 40
    makes: str = "encoder"

    def probe(self) -> str | None:
        return None

    def open(self, encoding: VideoEncoding) -> IsolatedEncoder:
        return IsolatedEncoder(Offer("card", self), encoding, limit_s=LIMIT_S)


@pytest.mark.timeout(150)
class TestContract(EncoderContract):
    """x264 in a process of its own keeps the contract of encoders."""

    plugin: ClassVar[Any] = SimpleNamespace(name="card")

    @classmethod
    def offers(cls) -> list[Any]:
        return [Aside()]


@pytest.mark.timeout(150)
def test_the_same_bytes_come_of_it() -> None:
    """Whatever the picture's width, and so the padding of its lines; and its size, instant and rotation."""
    sys.modules.pop("jackfield_card", None)
    import jackfield_card  # type: ignore[import-not-found]

    factory = jackfield_card.X264()
    for width, height in ((320, 180), (326, 182), (98, 58)):
        encoding = VideoEncoding("H264", width, height)
        with closing(factory.open(encoding)) as here, closing(Aside().open(encoding)) as aside:
            for index in range(5):
                picture = samples.picture(index, width, height)
                media = VideoFrame(picture.picture, picture.time_ns, 90)
                (one,), (other,) = here.encode(media), aside.encode(media)
                assert (one.data, one.keyframe, one.time_ns, one.width, one.rotation, one.duration_ns) == (
                    *(other.data, other.keyframe, other.time_ns, other.width, other.rotation, other.duration_ns),
                )


@pytest.mark.timeout(150)
def test_every_pixel_format_arrives_as_it_was(opened: Open) -> None:
    """With its colours' range, which decides how it is read."""
    running = opened("works")
    for format in ("yuv420p", "nv12", "yuyv422", "rgb24", "bgra", "gray", "yuvj422p", "p010le"):
        for width, height in ((64, 36), (66, 38)):
            picture = samples.picture(3, width, height).picture.reformat(format=format)
            picture.color_range = 2
            heard = said(running, VideoFrame(picture))
            assert (heard["format"], heard["size"], heard["range"]) == (format, [width, height], 2)
            assert heard["sum"] == int(picture.to_ndarray(format="gray").sum())


@pytest.mark.timeout(150)
def test_a_picture_that_is_upside_down_in_memory_arrives(opened: Open) -> None:
    """Some files have their lowest line first, which FFmpeg tells by a negative line size."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=36, format="rgb24", time_base=samples.Fraction(1, 30))
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    source.push(samples.picture(3, 64, 36).picture.reformat(format="rgb24"))
    picture: Any = sink.pull()
    assert picture.planes[0].line_size < 0
    heard = said(opened("works"), VideoFrame(picture))
    assert heard["sum"] == pytest.approx(int(picture.to_ndarray(format="gray").sum()), rel=0.02)


@pytest.mark.timeout(150)
def test_abilities_are_those_of_the_encoder(opened: Open) -> None:
    """`isinstance` tells; what is asked for on any thread takes effect with the next picture, and once."""
    able, plain = opened("works"), opened("plain")
    assert isinstance(able, ForcesKeyframe)
    assert isinstance(able, SetsBitrate)
    assert not isinstance(plain, ForcesKeyframe | SetsBitrate)
    assert [frame.keyframe for number in range(3) for frame in able.encode(samples.picture(number, 64, 36))] == [
        *(True, False, False)
    ]
    able.force_keyframe()
    able.set_bitrate_bps(123_000)
    (frame,) = able.encode(samples.picture(3, 64, 36))
    assert frame.keyframe
    assert b'"bitrate_bps": 123000' in frame.data
    (frame,) = able.encode(samples.picture(4, 64, 36))
    assert not frame.keyframe


@pytest.mark.timeout(150)
def test_another_size_goes_on_in_the_same_process(opened: Open) -> None:
    """`Resizes`: a new encoder there, which begins with a keyframe and has the bitrate that was asked for."""
    running = opened("works")
    assert isinstance(running, Resizes)
    running.set_bitrate_bps(99_000)
    first = said(running, samples.picture(0, 64, 36))
    running.resize(1280, 720)
    (frame,) = running.encode(samples.picture(1, 1280, 720))
    assert frame.keyframe
    second = said(running, samples.picture(2, 1280, 720))
    assert (second["pid"], second["opened"], second["bitrate_bps"]) == (first["pid"], [1280, 720], 99_000)
    assert second["count"] == 2


@pytest.mark.timeout(150)
def test_the_process_is_configured_as_this_one(opened: Open, tmp_path: Path) -> None:
    """By the same file; what is negotiated arrives whole."""
    file = tmp_path / "my.toml"
    file.write_text('[card]\nword = "hello"\n')
    heard = said(opened("works", config=file), samples.picture(0, 64, 36))
    assert (heard["word"], heard["parameters"]) == ("hello", {"profile-level-id": "42e01f"})
    assert heard["pid"] != os.getpid()


@pytest.mark.timeout(150)
def test_two_side_by_side_share_nothing(opened: Open) -> None:
    """Each has its own process, memory and count; the end of one is nothing to the other."""
    one, other = opened("is killed"), opened("works")
    pictures = [samples.picture(number, 64, 36) for number in range(2)]
    heard = [(said(one, pictures[0]), said(other, pictures[1])) for _ in range(2)]
    assert len({each["pid"] for pair in heard for each in pair}) == 2
    assert [[each["count"] for each in pair] for pair in heard] == [[1, 1], [2, 2]]
    assert heard[0][0]["sum"] != heard[0][1]["sum"]
    with pytest.raises(EncoderError, match="SIGKILL"):
        one.encode(pictures[0])
    assert said(other, pictures[1])["count"] == 3


# --- whatever becomes of it
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("segfaults", "its process crashed (SIGSEGV)"),
        ("is killed", "its process was ended (SIGKILL)"),
        ("exits", "its process ended with exit code 3"),
        ("closes", "its process closed its pipe, and was ended"),
        ("hangs", "its process did not answer for 1 s, and was ended"),
        ("holds the interpreter", "its process did not answer for 1 s, and was ended"),
    ],
)
def test_what_ends_the_process_is_said(opened: Open, act: str, words: str) -> None:
    """By the picture that it had; every one after that fails at once, and nothing of the process is left."""
    running = opened(act)
    for number in range(2):
        running.encode(samples.picture(number, 64, 36))
    began = time.monotonic()
    with pytest.raises(EncoderError) as caught:
        running.encode(samples.picture(2, 64, 36))
    print(f"\n{act}: {caught.value.message}, after {(time.monotonic() - began) * 1000:.0f} ms")
    assert caught.value.message == words
    assert not Path(f"/proc/{running.pid}").exists()
    with pytest.raises(EncoderError, match="its process"):
        running.encode(samples.picture(3, 64, 36))


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("act", "words"), [("raises", "the card has fallen off the bus"), ("divides", "it failed: ZeroDivisionError")]
)
def test_what_the_encoder_raises_arrives(opened: Open, act: str, words: str) -> None:
    """In its own words, and the process is still there to be asked."""
    running = opened(act)
    for number in range(2):
        running.encode(samples.picture(number, 64, 36))
    for _ in range(2):
        with pytest.raises(EncoderError, match=words):
            running.encode(samples.picture(2, 64, 36))


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("name", "limit_s", "words"),
    [
        ("refuses", LIMIT_S, "no session is left for 64x36"),
        ("hangs at opening", 1.0, "its process did not answer for 1 s, and was ended"),
        ("is not there", LIMIT_S, "card: it offers no is not there"),
    ],
)
def test_what_cannot_be_opened_leaves_nothing(opened: Open, name: str, limit_s: float, words: str) -> None:
    """Neither a process nor a thread nor a file; the reason is the driver's where it gave one."""
    before = left()
    with pytest.raises(EncoderError, match=words):
        opened(name, limit_s=limit_s)
    assert left() == before


def left() -> tuple[int, list[str], set[str], list[str]]:
    """Files that are open, threads, children (those that nobody waited for too), and shared memory with a name."""
    mine = {
        f"{stat.parent.name} {text.split('(')[1].rpartition(')')[0]}"
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (text := _text(stat)) and text.rpartition(")")[2].split()[1] == str(os.getpid())
    }
    threads = [thread.name for thread in threading.enumerate()]
    shared = sorted(each.name for each in Path("/dev/shm").iterdir() if "jackfield" in each.name)
    return len(os.listdir("/proc/self/fd")), threads, mine, shared


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.timeout(280)
def test_twenty_opened_and_closed_leave_nothing() -> None:
    """No file, thread, process or memory, whether they were closed or had crashed; each is closed within a second."""
    threads = ThreadPoolExecutor(4)
    list(threads.map(time.sleep, [0.1] * 4))
    before, took = left(), []

    def once(number: int) -> None:
        running = IsolatedEncoder(
            Offer("card", Named("segfaults" if number % 4 == 0 else "works")), ENCODING, limit_s=LIMIT_S
        )
        for index in range(3):
            with nullcontext() if index < 2 or number % 4 else pytest.raises(EncoderError, match="SIGSEGV"):
                running.encode(samples.picture(index, 640, 360))
        began = time.monotonic()
        running.close()
        took.append(time.monotonic() - began)
        running.close()

    list(threads.map(once, range(20)))
    print(f"\nclosed in {max(took) * 1000:.0f} ms at most")
    assert left() == before
    threads.shutdown()


OWNER = """
import sys, threading, time
from types import SimpleNamespace
from jackfield.plugins.isolated import IsolatedEncoder, encoder
from jackfield.plugins.selection import Offer
from jackfield.testing import samples
from jackfield.values.formats import VideoEncoding
encoder.FIRST_S = 60
offer = Offer("card", SimpleNamespace(name=sys.argv[1], codec="H264"))
running = IsolatedEncoder(offer, VideoEncoding("H264", 64, 36), limit_s=60)
for number in range(2):
    running.encode(samples.picture(number, 64, 36))
print(running.pid, flush=True)
if sys.argv[1] != "works":
    running.encode(samples.picture(2, 64, 36))
time.sleep(3600)
"""


@pytest.mark.timeout(150)
@pytest.mark.parametrize("act", ["works", "hangs", "holds the interpreter"])
def test_the_process_ends_with_its_owner(act: str) -> None:
    """Also where that is killed, and while the driver hangs, with the interpreter or without."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    owner = subprocess.Popen([sys.executable, "-c", OWNER, act], stdout=subprocess.PIPE, env=environment)
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not is_gone(pid)
        time.sleep(0.2)  # the picture that it hangs at is on its way
        owner.send_signal(signal.SIGKILL)
        owner.wait(30)
        assert is_soon(lambda: is_gone(pid))


@pytest.mark.timeout(150)
def test_a_ctrl_c_of_the_terminal_is_for_the_owner(opened: Open) -> None:
    """The terminal sends it to both, and the owner may want to end the call in order."""
    running = opened("works")
    running.encode(samples.picture(0, 64, 36))
    os.kill(running.pid, signal.SIGINT)
    assert said(running, samples.picture(1, 64, 36))["count"] == 2


def test_sound_and_a_closed_encoder_are_errors_in_words(opened: Open) -> None:
    """As of any encoder."""
    running = opened("works")
    with pytest.raises(EncoderError, match="given sound"):
        running.encode(samples.block(0))
    running.close()
    with pytest.raises(EncoderError, match="its process has ended"):
        running.encode(samples.picture(0, 64, 36))


# --- which of them run so
class Trusting(Prober):
    """Knows of every encoder that it works."""

    def begin(self, offer: Offer, *, fresh: bool = False) -> Future[str | None]:
        known: Future[str | None] = Future()
        known.set_result(None)
        return known


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("configured", "kind"), [("", "IsolatedEncoder"), ('[plugins]\nisolate = "none"\n', "Able")])
def test_hardware_runs_aside_unless_it_is_configured_not_to(
    own_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str, kind: str
) -> None:
    """``[plugins] isolate``."""
    monkeypatch.setattr("jackfield.plugins.registry.OPEN_S", LIMIT_S)
    file = tmp_path / "my.toml"
    file.write_text(configured)
    plugins = load(load_config(file), only={"card"})
    plugins.prober = Trusting()
    running, choice = plugins.encoder("H264", ENCODING, ["works"], patience_s=LIMIT_S)
    with closing(running):
        assert (type(running).__name__, choice.chosen, choice.backend) == (kind, "works", "card")


def test_software_comes_first_while_viewers_wait(own_state: Path, tmp_path: Path) -> None:
    """A process takes long to start: after a failure it is software that goes on, and hardware says why it did not."""
    plugins = load(load_config(None, {}), only={"card", "codecs"})
    plugins.prober = Trusting()
    running, choice = plugins.encoder("H264", ENCODING, failed={"works": "it broke"}, patience_s=0.0)
    with closing(running):
        assert choice.backend == "software"
    (passed,) = (each.reason for each in choice.passed_over if each.name == "plain")
    assert passed == "it would first have to start a process of its own, and viewers wait"


def test_the_limit_is_longer_than_a_call_waits() -> None:
    """A call has long taken another encoder when the process of one that hangs is ended."""
    from jackfield.session import encode

    assert encode.HUNG_S < encoder.ANSWER_S
    assert encode.FIRST_S < encoder.FIRST_S
