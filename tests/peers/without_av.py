"""A whole call through the SFU in a process of its own, which ends by saying what codec libraries it has loaded."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def main() -> None:
    from tests.test_sfu_bare_peers import flow, housed, until

    async with housed() as house, house.peer("ada") as ada, house.peer("bob") as bob:
        await ada.publish("video", "audio")
        await until(lambda: bob.offered is not None and len(bob.offered.media) == 3)
        await flow(ada, bob)
        print(f"forwarded {len(bob.packets)}")


if __name__ == "__main__":
    asyncio.run(main())
    libraries = ("avcodec", "libvpx", "libopus", "x264")
    loaded = [name for name in libraries if name in Path("/proc/self/maps").read_text()]
    print(f"loaded: {loaded} av: {'av' in sys.modules}")
