"""The examples that people come with, ported line for line: joining in the vendor's Flutter and JavaScript pages.

Each example is a function named after its heading; the tests run it where it succeeds and where it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import jackfield
from jackfield import (
    CallError,
    Calls,
    CallSession,
    CallToken,
    Layout,
    SessionSettings,
    SessionSettingsBuilder,
    SessionType,
    SettingsError,
)
from jackfield.calls import default
from jackfield.server.app import Server
from tests.lab.embedded import LOGIN_KEY

LIMIT_S = 10.0
#: Made-up devices, and the renderer that the vendor's SDK has built in.
CONFIGURATION = """
[call]
camera = "synthetic:card-front"
microphone = "synthetic:tone-low"
speaker = "synthetic:speaker"
video = { width = 320, height = 180, fps = 15 }
renderers = ["easel"]
"""


class Shown:
    """What an example printed, and the widget that it placed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.placed: Any = None

    def debug_print(self, *words: object) -> None:
        self.lines.append(" ".join(map(str, words)))

    async def line(self, beginning: str) -> str:
        """The line that begins so, once it was printed; no example prints any other."""
        async with asyncio.timeout(LIMIT_S):
            while not self.lines:
                await asyncio.sleep(0.01)
        assert self.lines[-1].startswith(beginning), self.lines
        return self.lines[-1]


class Element:
    """`<div id="call-container" style="width: 100%; height: 100vh;"></div>`, as far as a renderer knows it."""

    def __init__(self) -> None:
        self.children: list[Any] = []


class Document:
    """A page with one container."""

    def __init__(self) -> None:
        self.element = Element()

    def get_element_by_id(self, name: str) -> Element | None:
        return self.element if name == "call-container" else None


@pytest.fixture(autouse=True)
def configured(own_state: Path, easel: str) -> Path:
    file = own_state / "jackfield.toml"
    file.write_text(CONFIGURATION)
    return file


@pytest.fixture
async def initialised(embedded: Server, configured: Path) -> AsyncIterator[Calls]:
    """`init` was called, and nobody is logged in."""
    calls = await jackfield.init(embedded.url)
    yield calls
    for each in {calls, default.current()} - {None}:
        assert each
        await each.close()


@pytest.fixture
async def logged_in(initialised: Calls) -> Calls:
    """John is logged in."""
    await jackfield.login("john", LOGIN_KEY, name="John")
    return initialised


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def document() -> Document:
    return Document()


# --- Flutter ------------------------------------------------------------------------------------------------------
def rendering_the_call_ui(call_widget: Any, shown: Shown) -> None:
    # After joining successfully, place the widget in your tree
    if call_widget is not None:
        # Use it in your build method
        shown.placed = call_widget


def join_with_session_id(shown: Shown, session_id: str = "SESSION_ID") -> None:
    session_settings = (
        SessionSettingsBuilder().set_display_name("John Doe").set_type(SessionType.video)
    ).build()  # fmt: skip

    def on_success(session: CallSession) -> None:
        shown.debug_print("Joined session successfully")
        # Place session.view in your widget tree to render the call UI
        rendering_the_call_ui(session.view, shown)

    def on_error(e: CallError) -> None:
        shown.debug_print(f"Failed: {e.message}")

    jackfield.join_session(
        session_id=session_id,
        settings=session_settings,
        on_success=on_success,
        on_error=on_error,
    )


def step_1_generate_token(shown: Shown, store: Callable[[CallToken], None], session_id: str = "SESSION_ID") -> None:
    def on_success(token: CallToken) -> None:
        shown.debug_print(f"Token generated: {token.token}")
        # Store or use the token
        store(token)

    def on_error(e: CallError) -> None:
        shown.debug_print(f"Token generation failed: {e.message}")

    jackfield.generate_token(
        session_id,
        on_success=on_success,
        on_error=on_error,
    )


def step_2_join_with_token(shown: Shown, generated_token: CallToken | None) -> None:
    session_settings = (
        SessionSettingsBuilder().set_display_name("John Doe").set_type(SessionType.video)
    ).build()  # fmt: skip

    def on_success(session: CallSession) -> None:
        shown.debug_print("Joined session successfully")
        rendering_the_call_ui(session.view, shown)

    def on_error(e: CallError) -> None:
        shown.debug_print(f"Failed: {e.message}")

    # Use the previously generated token
    jackfield.join_session(
        call_token=generated_token,
        settings=session_settings,
        on_success=on_success,
        on_error=on_error,
    )


def flutter_complete_example(shown: Shown, session_id: str = "SESSION_ID", **given: Any) -> None:
    # Step 1: Generate token
    def on_token(token: CallToken) -> None:
        # Step 2: Join with token
        session_settings = (
            SessionSettingsBuilder().set_display_name("John Doe").set_type(SessionType.video)
        ).build()  # fmt: skip

        def on_success(session: CallSession) -> None:
            shown.debug_print("Joined session successfully")
            # Place session.view in your widget tree to render the call UI
            rendering_the_call_ui(session.view, shown)

        def on_error(e: CallError) -> None:
            shown.debug_print(f"Failed to join: {e.message}")

        jackfield.join_session(
            **{"call_token": token, "settings": session_settings, "on_success": on_success, "on_error": on_error}
            | given
        )

    def on_token_error(e: CallError) -> None:
        shown.debug_print(f"Token generation failed: {e.message}")

    jackfield.generate_token(session_id, on_success=on_token, on_error=on_token_error)


async def test_join_with_session_id(logged_in: Calls, shown: Shown) -> None:
    """One call makes the token and joins; what it answers with has the view to place, and the name that was set."""
    join_with_session_id(shown)
    await shown.line("Joined session successfully")
    assert logged_in.session
    assert shown.placed is logged_in.session.view is not None
    assert logged_in.session.local.name == "John Doe"
    assert sorted(each.source for each in logged_in.session.publications) == ["camera", "microphone"]


async def test_join_with_session_id_fails(initialised: Calls, shown: Shown) -> None:
    """Nobody is logged in: `on_error` has the message, and nothing is placed."""
    join_with_session_id(shown)
    assert "call login first" in await shown.line("Failed: ")
    assert shown.placed is None


async def test_token_first_and_then_join(logged_in: Calls, shown: Shown) -> None:
    """A token is made, stored, and joined with later."""
    stored: list[CallToken] = []
    step_1_generate_token(shown, stored.append)
    generated = await shown.line("Token generated: ")
    assert generated.endswith(stored[0].token)
    assert (stored[0].session_id, stored[0].uid) == ("SESSION_ID", "john")
    shown.lines.clear()
    step_2_join_with_token(shown, stored[0])
    await shown.line("Joined session successfully")
    assert logged_in.session
    assert shown.placed is logged_in.session.view


async def test_token_first_and_then_join_fails(logged_in: Calls, shown: Shown) -> None:
    """Each step has its own error."""
    step_1_generate_token(shown, pytest.fail, session_id="")
    assert "session id is empty" in await shown.line("Token generation failed: ")
    shown.lines.clear()
    step_2_join_with_token(shown, CallToken("garbage", "SESSION_ID", "john", 0.0))
    assert "get a new one" in await shown.line("Failed: ")
    shown.lines.clear()
    step_2_join_with_token(shown, None)
    assert "session id is empty" in await shown.line("Failed: ")
    assert logged_in.session is None


async def test_flutter_complete_example(logged_in: Calls, shown: Shown, embedded: Server) -> None:
    """One callback inside the other, and nothing is awaited; everyone with the same session id meets."""
    flutter_complete_example(shown)
    await shown.line("Joined session successfully")
    async with Calls(embedded.url, remember=False) as others:
        await others.login("jane", LOGIN_KEY)
        jane = await others.join_session(session_id="SESSION_ID", settings={"layout": "SPOTLIGHT"})
        assert list(jane.participants) == ["john"]
        async with asyncio.timeout(LIMIT_S):
            while not (shown.placed.tiles.get("jane") and jane.view.tiles.get("john")):
                await asyncio.sleep(0.01)


async def test_flutter_complete_example_fails(logged_in: Calls, shown: Shown) -> None:
    """Each level has its own error."""
    flutter_complete_example(shown, session_id="  ")
    assert "session id is empty" in await shown.line("Token generation failed: ")
    shown.lines.clear()
    flutter_complete_example(shown, session_id="SESSION_ID")
    await shown.line("Joined session successfully")
    shown.lines.clear()
    flutter_complete_example(shown, session_id="ANOTHER")
    assert "leave it first" in await shown.line("Failed to join: ")


# --- JavaScript ---------------------------------------------------------------------------------------------------
async def javascript_generate_token(console: Shown, session_id: str = "SESSION_ID") -> str | None:
    try:
        result = await jackfield.generate_token(session_id)
        console.debug_print("Token generated:", result.token)
        # Use the token to join the session
        return result.token
    except CallError as error:
        console.debug_print("Token generation failed:", error.message)
        return None


async def javascript_join_session(console: Shown, document: Document, call_token: str, element: str) -> None:
    container = document.get_element_by_id(element)

    call_settings = {
        "sessionType": "VIDEO",
        "layout": "TILE",
        "startAudioMuted": False,
        "startVideoPaused": False,
    }

    errors: list[CallError] = []
    await jackfield.join_session(
        call_token=call_token, settings=call_settings, container=container, on_error=errors.append
    )

    if errors:
        console.debug_print("Failed to join session:", errors[0])
    else:
        console.debug_print("Joined session successfully")


async def javascript_complete_example(console: Shown, document: Document, session_id: str = "SESSION_ID") -> None:
    container = document.get_element_by_id("call-container")

    # Step 1: Generate token
    try:
        token_result = await jackfield.generate_token(session_id)

        # Step 2: Configure session settings
        call_settings = {
            "sessionType": "VIDEO",
            "layout": "TILE",
            "startAudioMuted": False,
            "startVideoPaused": False,
        }

        # Step 3: Join session
        await jackfield.join_session(
            call_token=token_result.token,
            settings=call_settings,
            container=container,
        )

        console.debug_print("Joined session successfully")
    except CallError as error:
        console.debug_print("Error:", error)


async def test_generate_token(logged_in: Calls, shown: Shown) -> None:
    """The answer has the token; each is unique to one session and one user, and the same until it expires."""
    token = await javascript_generate_token(shown)
    assert token
    await shown.line(f"Token generated: {token}")
    assert await javascript_generate_token(shown) == token
    assert await javascript_generate_token(shown, "ANOTHER") != token
    await jackfield.login("jane", LOGIN_KEY)
    assert await javascript_generate_token(shown) != token


async def test_generate_token_fails(initialised: Calls, shown: Shown) -> None:
    """It uses the auth token of who is logged in, so that somebody must be."""
    assert await javascript_generate_token(shown) is None
    await shown.line("Token generation failed: nobody is logged in; call login first")


async def test_join_session_in_a_container(logged_in: Calls, shown: Shown, document: Document) -> None:
    """A mapping with the vendor's keys; the call is drawn into the container, and gone from it after leaving."""
    token = (await jackfield.generate_token("SESSION_ID")).token
    await javascript_join_session(shown, document, token, "call-container")
    await shown.line("Joined session successfully")
    session = logged_in.session
    assert session
    assert document.element.children == [session.view]
    assert (session.settings.type, session.settings.layout) == (SessionType.VIDEO, Layout.TILE)
    assert not session.is_audio_muted
    assert not session.is_video_paused
    await session.leave()
    assert document.element.children == []


async def test_join_session_in_a_container_fails(
    logged_in: Calls, configured: Path, shown: Shown, document: Document, embedded: Server
) -> None:
    """A token that does not hold; and no container where the renderer must have one."""
    await javascript_join_session(shown, document, "CALL_TOKEN", "call-container")
    await shown.line("Failed to join session: ERROR_CALL_TOKEN: this is no call token")
    configured.write_text(CONFIGURATION + "[easel]\ncontainer = true\n")
    await jackfield.init(embedded.url)
    token = (await jackfield.generate_token("SESSION_ID")).token
    await javascript_join_session(shown, document, token, "missing")
    await shown.line("Failed to join session: ERROR_CONTAINER: an easel stands in a container and found none")
    await javascript_join_session(shown, document, token, "call-container")
    await shown.line("Joined session successfully")


async def test_javascript_complete_example(logged_in: Calls, shown: Shown, document: Document) -> None:
    """Awaited, with one `except` for all of it."""
    await javascript_complete_example(shown, document)
    await shown.line("Joined session successfully")
    assert logged_in.session
    assert document.element.children == [logged_in.session.view]


async def test_javascript_complete_example_fails(logged_in: Calls, shown: Shown, document: Document) -> None:
    """Whatever step fails ends in the one `except`."""
    await javascript_complete_example(shown, document, session_id="")
    await shown.line("Error: ERROR_CALL_SESSION_ID: the session id is empty")
    await jackfield.logout()
    await javascript_complete_example(shown, document)
    await shown.line("Error: ERROR_AUTH_TOKEN: nobody is logged in")
    assert document.element.children == []


@pytest.mark.parametrize(
    ("container", "found"), [(None, "found none"), ("call-container", "'call-container'"), (7, "found 7")]
)
async def test_the_container_is_required(
    logged_in: Calls, configured: Path, embedded: Server, container: Any, found: str
) -> None:
    """Missing or of the wrong kind: the same condition in either vendor family, and the call is not joined."""
    configured.write_text(CONFIGURATION + "[easel]\ncontainer = true\n")
    calls = await jackfield.init(embedded.url)
    with pytest.raises(CallError, match="give ") as caught:
        await jackfield.join_session(session_id="SESSION_ID", container=container)
    assert caught.value.matches("ERROR_CONTAINER")
    assert caught.value.matches("ERROR_CALLING_VIEW_REF_NULL")
    assert found in caught.value.message
    assert calls.session is None


# --- what both pages say of errors --------------------------------------------------------------------------------
async def sdk_not_initialised() -> None:
    calls = default.current()
    default._default = None
    try:
        await jackfield.join_session(session_id="SESSION_ID")
    finally:
        default._default = calls


async def not_logged_in() -> None:
    await jackfield.join_session(session_id="SESSION_ID")


async def auth_token_invalid() -> None:
    await jackfield.login(auth_token="INVALID")


async def session_id_null() -> None:
    await jackfield.join_session(session_id=None)


async def session_id_empty() -> None:
    await jackfield.generate_token("")


async def call_token_invalid() -> None:
    await jackfield.join_session(call_token="INVALID")


async def call_token_missing() -> None:
    await jackfield.join_session(call_token="")


async def settings_invalid() -> None:
    await jackfield.join_session(session_id="SESSION_ID", settings={"sessionType": "HOLOGRAM"})


ERRORS = [
    # Flutter
    ("ERROR_COMETCHAT_CALLS_SDK_INIT", sdk_not_initialised),
    ("ERROR_AUTH_TOKEN", not_logged_in),
    ("ERROR_AUTH_TOKEN", auth_token_invalid),
    ("ERROR_CALL_SESSION_ID", session_id_null),
    ("ERROR_CALL_SESSION_ID", session_id_empty),
    ("ERROR_CALL_TOKEN", call_token_invalid),
    ("ERROR_CALL_TOKEN", call_token_missing),
    ("ERROR_JSON_EXCEPTION", settings_invalid),
    # JavaScript
    ("ERROR_SDK_NOT_INITIALIZED", sdk_not_initialised),
    ("ERROR_AUTH_TOKEN_MISSING", not_logged_in),
    ("ERROR_AUTH_TOKEN_MISSING", auth_token_invalid),
    ("ERROR_SESSION_ID_MISSING", session_id_null),
    ("ERROR_SESSION_ID_MISSING", session_id_empty),
    ("VALIDATION_ERROR", settings_invalid),
]


@pytest.mark.parametrize(("name", "reach"), ERRORS, ids=lambda value: getattr(value, "__name__", value))
async def test_error_handling_tables(initialised: Calls, name: str, reach: Callable[[], Any]) -> None:
    """Code written against either table of common errors finds each by its name."""
    with pytest.raises(CallError) as caught:
        await reach()
    error = caught.value
    assert error.matches(name)
    assert error.matches(error.code)
    assert error.message
    assert isinstance(error.details, dict)


# --- settings as the examples write them --------------------------------------------------------------------------
def test_settings_are_the_same_however_they_are_written() -> None:
    """The builder in either case, the mapping with the vendor's keys, and the value itself."""
    wanted = SessionSettings(display_name="John Doe", type=SessionType.VIDEO)
    builder: Any = SessionSettingsBuilder()
    assert builder.setDisplayName("John Doe").setType(SessionType.video).build() == wanted
    assert SessionSettingsBuilder().set_display_name("John Doe").set_type("video").build() == wanted
    assert SessionSettings.from_dict({"displayName": "John Doe", "sessionType": "VIDEO"}) == wanted
    with pytest.raises(SettingsError, match="did you mean startAudioMuted"):
        SessionSettings.from_dict({"startAudioMute": False})


@pytest.mark.parametrize(
    "given",
    [
        {"startAudioMuted": False},
        {"start_audio_muted": False},
        SessionSettings(start_audio_muted=False),
        SessionSettingsBuilder().set_start_audio_muted(False).build(),
    ],
    ids=["camelCase", "snake_case", "value", "builder"],
)
async def test_what_an_example_says_wins_over_the_configuration(embedded: Server, configured: Path, given: Any) -> None:
    """`startAudioMuted: false` is said, so that nobody is muted, whatever the installation's default is."""
    configured.write_text(CONFIGURATION + "start_audio_muted = true\n")
    async with Calls(embedded.url, remember=False) as calls:
        await calls.login("john", LOGIN_KEY)
        session = await calls.join_session(session_id="SESSION_ID", settings=given)
        assert not session.is_audio_muted
        await session.leave()
        session = await calls.join_session(session_id="SESSION_ID", settings={"layout": "TILE"})
        assert session.is_audio_muted
