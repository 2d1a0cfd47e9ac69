"""Cameras on the loopback network for the tests: a real RTSP server, a cable that can be cut, one that says nothing."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from jackfield_synthetic.card import CardSource
from jackfield_synthetic.tones import ToneSource

from jackfield.values.formats import AudioFormat, VideoFormat
from tests.lab.machine import SYSTEM_PYTHON

SERVER = Path(__file__).with_name("gst_camera.py")
WIDTH, HEIGHT, FPS = 320, 180, 15
#: codec of the film → FFmpeg's encoder, pixel format.
ENCODERS = {"h264": ("libx264", "yuv420p"), "hevc": ("libx265", "yuv420p"), "mjpeg": ("mjpeg", "yuvj420p")}


def film(path: Path, codec: str, seconds: int, *, sound: bool = False, profile: str = "") -> Path:
    """The test card, and tones where they are wanted, in a file."""
    cards, tones = CardSource(0, VideoFormat(WIDTH, HEIGHT, FPS)), ToneSource(0, AudioFormat(ptime_ms=20))
    encoder, layout = ENCODERS[codec]
    if profile:
        layout = "yuv422p"
    with av.open(str(path), "w") as container:
        video = container.add_stream(encoder, rate=FPS)
        video.width, video.height, video.pix_fmt, video.gop_size = WIDTH, HEIGHT, layout, FPS
        if codec != "mjpeg":
            video.options = {"preset": "ultrafast", "tune": "zerolatency"} | ({"profile": profile} if profile else {})
        if codec == "hevc":
            video.options |= {"x265-params": "log-level=none"}
        audio = container.add_stream("libopus", rate=48_000, layout="mono") if sound else None
        for second in range(seconds):
            for _ in range(FPS):
                container.mux(video.encode(cards.take(0).picture.reformat(format=layout)))
            for _ in range(50 if audio else 0):
                block = av.AudioFrame.from_ndarray(tones.take(0).samples.reshape(1, -1), format="s16", layout="mono")
                block.sample_rate = 48_000
                container.mux(audio.encode(block))
            del second
        container.mux(video.encode(None))
        if audio:
            container.mux(audio.encode(None))
    return path


@contextlib.contextmanager
def serving(*streams: str, port: int = 0, **options: str) -> Iterator[int]:
    """The RTSP server with these streams (``name:kind:file``); answers with its port."""
    more = [word for name, value in options.items() for word in (f"--{name}", value)]
    server = subprocess.Popen(
        [SYSTEM_PYTHON, str(SERVER), *streams, "--port", str(port), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


class Cable:
    """Leads from a port of its own to another; ``freeze`` lets nothing through and leaves every connection open."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._flows.set()
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(2)


@contextlib.contextmanager
def answering(answer: Callable[[str], str]) -> Iterator[tuple[int, list[str]]]:
    """A server that answers each request by this, ``%d`` being the number it was asked under; and what it was asked."""
    asked: list[str] = []

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while request := self.request.recv(4096).decode():
                    asked.append(request)
                    number = int(request.partition("CSeq: ")[2].split()[0])
                    self.request.sendall((answer(request) % number).encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join(2)


def describing(streams: str) -> Callable[[str], str]:
    """What a camera answers that has these streams, by the lines of its description, and sends nothing of them."""
    lines = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n{streams}"
    more = {
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(lines)}\r\n\r\n{lines}",
        "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    }
    return lambda request: "RTSP/1.0 200 OK\r\nCSeq: %d\r\n" + more.get(request.split()[0], "Session: 1\r\n\r\n")


@contextlib.contextmanager
def saying(answer: bytes | None) -> Iterator[int]:
    """A server that accepts, and says this to whatever it is asked; None: nothing, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                held.append(peer)
                if answer is not None:
                    threading.Thread(target=talk, args=(peer,), daemon=True).start()

    def talk(peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while peer.recv(4096):
                peer.sendall(answer or b"")

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for each in (listener, *held):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        thread.join(2)
