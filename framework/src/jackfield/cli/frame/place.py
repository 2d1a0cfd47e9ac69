"""Where a command that needs a server finds it: as configured, else this machine's own that is running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from jackfield.links import check_server_url

if TYPE_CHECKING:
    from jackfield.plugins import Config
    from jackfield.values.people import Place


async def place_for_people(config: Config, url: str | None = None) -> Place:
    """The place under the address that people use. `NetworkError` where none is configured and none runs here."""
    config.raise_for_errors()
    place = config.place()
    if not place.api_secret and not place.url and (pair := next(iter(config.server.key_pairs().items()), None)):
        place = attrs.evolve(place, api_key=pair[0], api_secret=pair[1])
    if url is not None:
        check_server_url(url)
        return attrs.evolve(place, url=url.rstrip("/")) if place.url or place.api_secret else _at(url)
    if place.url:
        return place
    if place.api_secret:
        return attrs.evolve(place, url=_listening(config))
    from jackfield.local import local_server

    found = await local_server(start=False)
    return attrs.evolve(found.place, url=found.join_url)


def _at(url: str) -> Place:
    """The keys of this machine, for its own server under another name."""
    from jackfield import state
    from jackfield.values.people import Place

    keys = state.development_keys()
    return Place(url.rstrip("/"), keys.api_key, keys.api_secret, keys.login_key)


def _listening(config: Config) -> str:
    server = config.server
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::", "localhost") else server.host
    scheme = "https" if server.tls_cert else "http"
    return server.public_url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}"
