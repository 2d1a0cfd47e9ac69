"""What a camera offers that nobody here takes, and servers that are none: said in words, once."""

from __future__ import annotations

import pytest
from jackfield_rtsp.driver import RtspDriver
from jackfield_rtsp.offers import offered
from jackfield_rtsp.options import Camera, Options

from jackfield.values.errors import DeviceGone
from jackfield.values.formats import VideoFormat

from .cameras import answering, describing, saying

VIDEO = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 {}/90000\r\na=control:t1\r\n"
AUDIO = "m=audio 0 RTP/AVP 0\r\na=control:t2\r\n"
TAKEN = "H.264 is sent on as it is, and H.265, JPEG, MPEG-4, VP8, VP9, AV1 are decoded"


def said_of(port: int) -> str:
    """The error with which it cannot be opened."""
    driver = RtspDriver(Options(cameras={"door": Camera(url=f"rtsp://127.0.0.1:{port}/x", timeout_s=1.0)}))
    with pytest.raises(DeviceGone) as caught:
        driver.open(driver.devices()[0], VideoFormat(320, 180, 15.0, codec="H264"))
    return caught.value.message


@pytest.mark.parametrize(
    ("streams", "found"),
    [
        (VIDEO.format("FANCY-9"), f"(it offers video FANCY-9), where {TAKEN}"),
        (VIDEO.format("jpeg2000") + AUDIO, f"(it offers video jpeg2000 and audio PCMU), where {TAKEN}"),
        (AUDIO, "it has no stream of this kind (it offers audio PCMU)"),
        ("", "it has no stream of this kind (it offers nothing)"),
        ("m=\r\na=rtpmap\r\nm=video\r\n", "it has no stream of this kind (it offers nothing)"),
    ],
)
def test_what_a_camera_offers_is_said_beside_what_is_taken(streams: str, found: str) -> None:
    """Its own name of its codec, and those to choose from."""
    with answering(describing(streams)) as (port, _):
        message = said_of(port)
    assert found in message
    assert "Error" not in message


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "(it says 'HTTP/1.1 400 Bad Request')"),
        (b"SSH-2.0-OpenSSH_9\r\n", "(it says 'SSH-2.0-OpenSSH_9')"),
        (bytes(range(256)), "is no camera's stream"),
        (b"\r\n" * 1000, "is no camera's stream"),
    ],
)
def test_who_answers_and_is_no_camera_is_told_from_who_is_silent(words: bytes, found: str) -> None:
    """FFmpeg waits for an answer that it understands."""
    with saying(words) as port:
        message = said_of(port)
    assert found in message
    assert f"what 127.0.0.1:{port} answers is no camera's stream" in message


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 8\nm=application 0 X 107", None),
        ("m=video 0 RTP/AVP 26\r\n", "video JPEG"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 \x1b[2Jevil/90000\n", "video something without a name"),
        ("m=video 0 RTP/AVP 9999999999\na=rtpmap:x y\n", "video payload type 999"),
        ("m=audio 0 RTP/AVP 0\n" * 100, "audio PCMU, " * 4 + "audio PCMU and audio PCMU"),
        ("", "nothing"),
    ],
)
def test_a_description_is_read_however_it_is_written(description: str, said: str | None) -> None:
    """Nothing in it reaches a terminal but plain names, and no more of them than anybody reads."""
    whole = "video H264, audio PCMA and application payload type 107"
    assert offered(description) == (whole if said is None else said)
