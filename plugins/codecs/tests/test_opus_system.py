"""The system's libopus: a lost packet is found in the next one, silence is not sent, the bitrate is steered live."""

from __future__ import annotations

import gc
from contextlib import closing

import numpy as np
import pytest
from jackfield_codecs import libopus
from jackfield_codecs.factories import SystemOpusDecoder, SystemOpusEncoder
from jackfield_codecs.options import Options

from jackfield.roles import Conceals, Recovers, SetsBitrate
from jackfield.testing import samples
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

PTIME = 960


@pytest.fixture(autouse=True)
def _library():
    """Skips, saying why, where there is no libopus."""
    reason = SystemOpusDecoder().probe()
    if reason is not None:
        pytest.skip(f"{reason}. To run it: apt-get install libopus0")


def encoder(**encoding):
    """A running encoder."""
    return SystemOpusEncoder(Options()).open(AudioEncoding(**encoding))


def speech(count, seed=0):
    """Blocks of something like speech."""
    sound = (samples.babble(count / 50 + 0.1, seed=seed) * 20_000).astype(np.int16)
    return [AudioBlock(sound[at * PTIME :][:PTIME, None], time_ns=at * 20_000_000) for at in range(count)]


def heard(frames, lost, make):
    """What is heard of the frames, and what ``make`` gives for each lost one, by its number."""
    made = {}
    with closing(SystemOpusDecoder().open(channels=1)) as decoder:
        for number, frame in enumerate(frames):
            if number not in lost:
                made[number] = decoder.decode(frame)[0].samples
            else:
                (made[number],) = [block.samples for block in make(decoder, frames[number + 1])]
    return made


def test_a_lost_packet_is_found_in_the_next_one():
    """In-band error correction: what is recovered is far nearer to what was sent than what is made up."""
    running = encoder(bitrate_bps=32_000)
    assert isinstance(running, SetsBitrate)
    frames = [running.encode(block)[0] for block in speech(150)]
    lost = set(range(20, 148, 5))
    whole = heard(frames, (), None)
    recovered = heard(frames, lost, lambda decoder, after: decoder.recover(after))
    concealed = heard(frames, lost, lambda decoder, after: decoder.conceal(20))

    def missed(found):
        return sum(float(np.square(found[number].astype(float) - whole[number]).sum()) for number in lost)

    assert all(len(recovered[number]) == PTIME for number in lost)
    assert missed(recovered) < 0.35 * missed(concealed)


def test_without_error_correction_something_is_made_up():
    """A packet that brings nothing along is no error, and neither is one before the first."""
    running = encoder(fec=False)
    frames = [running.encode(block)[0] for block in speech(10)]
    with closing(SystemOpusDecoder().open(channels=2)) as decoder:
        assert isinstance(decoder, Recovers)
        assert isinstance(decoder, Conceals)
        assert decoder.recover(frames[0]) == decoder.conceal(20) == []
        decoder.decode(frames[0])
        (block,) = decoder.recover(frames[2])
        assert block.samples.shape == (PTIME, 2)
        assert block.time_ns == 20_000_000
        assert [made.duration_ns for made in decoder.conceal(50)] == [20_000_000] * 3


def test_silence_is_not_sent():
    """With DTX it becomes frames with no data, but for a sign of life now and then; without, every block is sent."""
    silent = [AudioBlock(np.zeros((PTIME, 1), np.int16), time_ns=at * 20_000_000) for at in range(150)]
    for dtx in (True, False):
        running = encoder(dtx=dtx)
        frames = [frame for block in [*speech(50), *silent] for frame in running.encode(block)]
        assert [frame.time_ns for frame in frames[50:]] == [block.time_ns for block in silent]
        sent = sum(bool(frame.data) for frame in frames[75:])
        assert sent == 125 if not dtx else 0 < sent < 20


def test_the_bitrate_is_steered_live():
    """The next packets are of another size; nothing is opened anew."""
    running = encoder(bitrate_bps=64_000)
    blocks = speech(100)
    before = sum(len(running.encode(block)[0].data) for block in blocks[:50])
    running.set_bitrate_bps(16_000)
    after = sum(len(running.encode(block)[0].data) for block in blocks[50:])
    assert after < 0.5 * before


def test_what_cannot_be_done_is_refused_in_our_words(monkeypatch):
    """Channels, shapes, rates and garbage; and a machine without the library says what to install."""
    with pytest.raises(EncoderError, match="one or two channels"):
        encoder(channels=3)
    with pytest.raises(EncoderError, match="one or two channels"):
        SystemOpusDecoder().open(channels=6)
    with pytest.raises(EncoderError, match="11025"):
        encoder(rate=11_025)
    with pytest.raises(EncoderError, match="960 by 1"):
        encoder().encode(AudioBlock(np.zeros((480, 1), np.int16)))
    with pytest.raises(EncoderError, match="960 by 1"):
        encoder().encode(VideoFrame(None, 0))
    with closing(SystemOpusDecoder().open(channels=1)) as decoder:
        for garbage in (b"", b"\xff", b"\x03\xff" * 20):
            with pytest.raises(EncoderError, match="libopus"):
                decoder.decode(EncodedFrame(garbage, "opus", True))
    with pytest.raises(KeyError):  # before there is a state; giving that back must not raise
        libopus.Encoder(48_000, 1, "no such application")
    gc.collect()
    libopus.library.cache_clear()
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    try:
        assert "apt-get install libopus0" in (SystemOpusDecoder().probe() or "")
    finally:
        libopus.library.cache_clear()
