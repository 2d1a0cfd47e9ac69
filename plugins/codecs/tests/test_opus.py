"""Opus: sound comes back, loss is concealed, silence costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from jackfield_codecs.factories import SoftwareDecoder, SoftwareEncoder
from jackfield_codecs.options import Options

from jackfield.roles import Conceals, SetsBitrate
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AudioBlock, VideoFrame


def encoder(**encoding):
    """A running Opus encoder."""
    return SoftwareEncoder("opus-libopus", "opus", Options()).open(AudioEncoding(**encoding))


def decoder(channels=1):
    """A running Opus decoder."""
    return SoftwareDecoder("opus-libopus", "opus").open(channels=channels)


def tone(number, *, hz=440, channels=1, samples=960, level=8000, rate=48_000):
    """The block with this number of a steady tone."""
    at = (np.arange(samples) + number * samples) / rate
    wave = (level * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return AudioBlock(np.repeat(wave[:, None], channels, axis=1), rate, time_ns=number * 20_000_000)


def loudest_hz(blocks):
    """The strongest frequency in these blocks."""
    heard = np.concatenate([block.samples[:, 0] for block in blocks])
    return np.argmax(np.abs(np.fft.rfft(heard))) * 48_000 / len(heard)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("heard_as", [1, 2])
def test_a_tone_comes_back(channels, heard_as):
    """Mono and stereo go in, and come out as many channels as were asked for."""
    running, far = encoder(channels=channels), decoder(heard_as)
    blocks = []
    for number in range(50):
        (packet,) = running.encode(tone(number, channels=channels))
        assert packet.duration_ns == 20_000_000
        (block,) = far.decode(packet)
        assert block.samples.shape == (960, heard_as)
        assert block.time_ns == number * 20_000_000
        blocks.append(block)
    assert loudest_hz(blocks[10:]) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000])
def test_lower_rates_go_in(rate):
    """A telephone's sound is encoded as it is, and comes back at 48 kHz."""
    running, far = encoder(rate=rate), decoder()
    blocks = []
    for number in range(50):
        blocks += far.decode(running.encode(tone(number, samples=rate // 50, rate=rate))[0])
    assert loudest_hz(blocks[10:]) == pytest.approx(440, abs=3)


def test_a_lost_packet_is_concealed():
    """In its place the tone goes on, as long as was asked for, and it fades when the loss lasts."""
    running, far = encoder(), decoder()
    assert isinstance(far, Conceals)
    assert list(far.conceal(20)) == []
    for number in range(20):
        far.decode(running.encode(tone(number))[0])
    (block,) = far.conceal(20)
    assert block.samples.shape == (960, 1)
    assert np.abs(block.samples).max() > 2000
    later = far.conceal(400)
    assert len(later) == 20
    assert np.abs(later[-1].samples).max() < 1000
    assert later[0].time_ns == block.time_ns + 20_000_000
    assert len(far.decode(running.encode(tone(20))[0])) == 1


def test_silence_is_sent_as_single_bytes_with_dtx():
    """After 200 ms of silence packets shrink to a byte, which decodes to silence; sound is whole at once."""
    running, far = encoder(dtx=True), decoder()
    packets = [
        running.encode(tone(number, level=8000 if number < 10 or number >= 40 else 0))[0] for number in range(60)
    ]
    assert [len(packet.data) for packet in packets[21:40]] == [1] * 19
    assert min(len(packet.data) for packet in packets[40:]) > 20
    blocks = [far.decode(packet)[0] for packet in packets]
    assert {block.samples.shape for block in blocks} == {(960, 1)}
    assert np.abs(blocks[35].samples).max() < 300
    assert np.abs(blocks[45].samples).max() > 4000


def test_the_bitrate_follows():
    """A fifth of the rate is a fraction of the bytes, with no hole between."""
    running = encoder(bitrate_bps=64_000)
    assert isinstance(running, SetsBitrate)
    noise = np.random.default_rng(1).integers(-9000, 9000, (40, 960, 1)).astype(np.int16)
    before = [len(running.encode(AudioBlock(block))[0].data) for block in noise]
    running.set_bitrate_bps(12_000)
    after = [len(running.encode(AudioBlock(block))[0].data) for block in noise]
    assert sum(after) < 0.4 * sum(before)


def test_error_correction_is_in_the_packets():
    """With FEC a packet of speech carries more than the same bitrate's packet without, so the sound is coded lower."""
    with_fec, without = encoder(fec=True, bitrate_bps=24_000), encoder(fec=False, bitrate_bps=24_000)
    pairs = [(with_fec.encode(tone(n))[0].data, without.encode(tone(n))[0].data) for n in range(30)]
    assert any(one != other for one, other in pairs)


def test_what_does_not_fit_is_refused_in_our_own_words():
    """Pictures, blocks of another length, three channels, and garbage are ``EncoderError``."""
    import av

    with pytest.raises(EncoderError):
        encoder().encode(VideoFrame(av.VideoFrame(16, 16, "yuv420p")))
    with pytest.raises(EncoderError, match="960"):
        encoder().encode(tone(0, samples=480))
    with pytest.raises(EncoderError, match="channels"):
        encoder(channels=3)
    with pytest.raises(EncoderError):
        decoder().decode(encoder().encode(tone(0))[0].__class__(b"", "opus", True))
