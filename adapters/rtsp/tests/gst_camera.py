"""A camera on the network for the tests: GStreamer's RTSP server, with digest log-in. Run by the system's Python.

Prints its port. Each stream plays a file from its beginning, for each who connects.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINES = {
    "h264": "d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=0",
    "hevc": "d.video_0 ! queue ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": "d.video_0 ! queue ! rtpjpegpay name=pay0 pt=26",
    "sound": "d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 "
    "d.audio_0 ! queue ! opusdec ! audioconvert ! audioresample ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("streams", nargs="+", help="name:kind:file")
    parser.add_argument("--port", default="0")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--only", default="", choices=["", "tcp", "udp"])
    run = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=run.port, address="127.0.0.1")
    for each in run.streams:
        name, kind, path = each.split(":", 2)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f'( filesrc location="{path}" ! matroskademux name=d {PIPELINES[kind]} )')
        if run.only:
            lower = GstRtspServer_lower(run.only)
            factory.set_protocols(lower)
        if run.user:
            allow(factory)
        server.get_mount_points().add_factory(f"/{name}", factory)
    if run.user:
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(gi.repository.GstRtsp.RTSPAuthMethod.DIGEST)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "somebody")
        auth.add_digest(run.user, run.password, token)
        server.set_auth(auth)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.timeout_add_seconds(5, lambda: bool(server.get_session_pool().cleanup()) or True)
    GLib.MainLoop().run()


def GstRtspServer_lower(name: str):
    from gi.repository import GstRtsp

    return GstRtsp.RTSPLowerTrans.TCP if name == "tcp" else GstRtsp.RTSPLowerTrans.UDP


def allow(factory) -> None:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("somebody", "media.factory.access", True)
    permissions.add_permission_for_role("somebody", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    sys.exit(main())
