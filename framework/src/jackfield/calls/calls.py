"""Who is logged in, their tokens, and the one call they are in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from jackfield import links, local, state
from jackfield.calls.answers import Answer, OnError, OnSuccess, answered
from jackfield.calls.remembered import RememberedLogIn
from jackfield.calls.ringing import Line, Ringing
from jackfield.calls.token_cache import TokenCache, check_token, read_call_token
from jackfield.plugins import Config, Plugins, load, load_config
from jackfield.roles import TokenProvider, Unwatch
from jackfield.session.call import CallSession
from jackfield.session.join import Join
from jackfield.session.listeners import Callback, EventStream, Listeners
from jackfield.session.outputs import wanted_renderers
from jackfield.tokens import check_auth_token, check_session_id, check_uid
from jackfield.values.errors import AuthTokenError, CallError, LogInError, PluginError, SessionActive, SettingsError
from jackfield.values.findings import Finding
from jackfield.values.people import CallToken, LogIn, Place
from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.calls")

#: Settings on which the session itself acts, whatever is installed.
ACTED_ON = frozenset(
    {
        "display_name", "type", "layout", "start_audio_muted", "start_video_paused", "camera_facing", "camera",
        "microphone", "speaker", "video", "video_codecs", "low_bandwidth", "encoders", "passthrough", "renderers",
        "record_to", "reconnect_s", "simulcast", "e2ee_key", "audio_mode", "idle_timeout_before_prompt_s",
        "idle_timeout_after_prompt_s", "auto_start_recording",
    }
)  # fmt: skip


class Calls(Ringing):
    """Calls at one place. Use it on one event loop; close it, or leave it with ``async with``.

    ``server`` is the address of a Jackfield or LiveKit server; without one, the configuration's, else this machine's
    own, which is started when a call is joined. ``remember=False`` keeps the log-in to this process.
    """

    def __init__(
        self,
        server: str | Place | None = None,
        *,
        api_key: str | None = None,
        api_secret: str | None = None,
        config: Config | Path | str | None = None,
        plugins: Plugins | None = None,
        remember: bool = True,
    ) -> None:
        if plugins is None:
            plugins = load(config if isinstance(config, Config) else load_config(config))
        plugins.raise_for_errors()
        for finding in plugins.findings:
            logger.warning("%s", finding)
        self.plugins, self.config = plugins, plugins.config
        place = server if isinstance(server, Place) else self.config.place()
        if isinstance(server, str):
            same = place.url is not None and place.url.rstrip("/") == server.rstrip("/")
            place = evolve(place, url=server) if same else Place(server)
        if api_key or api_secret:
            place = evolve(place, api_key=api_key, api_secret=api_secret)
        self._place = _checked(place)
        self._remembered = RememberedLogIn(self._place.url or "this machine", keep=remember)
        self._log_in = self._remembered.read()
        self._logging_in = False
        self._provider: TokenProvider | None = None
        self._cache = TokenCache()
        self._listeners = Listeners()
        self._session: CallSession | None = None
        self._line: Line | None = None
        self._joining = False

    # --- who
    @property
    def logged_in_user(self) -> LogIn | None:
        """Who is logged in; None: nobody."""
        return self._log_in if self._log_in is not None and not self._log_in.expired() else None

    @property
    def auth_token(self) -> str | None:
        """The log-in's token, which `login` takes in another process."""
        user = self.logged_in_user
        return user.auth_token if user else None

    @property
    def session(self) -> CallSession | None:
        """The call we are in; None: none, or it is over."""
        return self._session if self._session is not None and self._session.is_active else None

    def login(
        self,
        uid: str | None = None,
        api_key: str | None = None,
        *,
        auth_token: str | None = None,
        name: str = "",
        on_success: OnSuccess = None,
        on_error: OnError = None,
    ) -> Awaitable[LogIn]:
        """Logs in by uid and log-in key, or with an auth token from a back end. The log-in is remembered until logout.

        The same user again costs no network call; another user's log-in ends the one before. `LogInError` and
        `AuthTokenError` say what is wrong.
        """
        return answered(self._log_in_once(uid, api_key, auth_token, name), on_success, on_error)

    async def _log_in_once(self, uid: str | None, api_key: str | None, auth_token: str | None, name: str) -> LogIn:
        if self._logging_in:
            raise LogInError("a log-in is under way; await it first", code="ERROR_LOGIN_IN_PROGRESS")
        current = self.logged_in_user
        if auth_token is not None:
            check_auth_token(auth_token)
            known = current is not None and current.auth_token == auth_token
        else:
            uid = check_uid(uid)
            if api_key is not None and not api_key.strip():
                raise LogInError("the log-in key is empty; give the server's own", code="ERROR_API_KEY_NOT_FOUND")
            known = current is not None and current.uid == uid and name in ("", current.name)
        if current is not None and known:
            return current
        self._logging_in = True
        try:
            provider = self._tokens()
            if auth_token is not None:
                log_in = await _bordered(provider.log_in_with_token(auth_token))
            else:
                log_in = await _bordered(provider.log_in(uid or "", api_key, name=name))
        finally:
            self._logging_in = False
        if current is not None:
            await self.go_offline()  # nobody hears, or answers, what rings for somebody else
            self._forget()
        self._log_in = log_in
        self._remembered.write(log_in)
        return log_in

    def logout(self, *, on_success: OnSuccess = None, on_error: OnError = None) -> Awaitable[None]:
        """Nobody is logged in, in later processes neither. `LogInError` when nobody was."""
        return answered(self._log_out(), on_success, on_error)

    async def _log_out(self) -> None:
        if self._log_in is None:
            raise LogInError("nobody is logged in, so that nobody can log out", code="ERROR_NO_USER_LOGGED_IN")
        await self.go_offline()
        self._forget()

    def _forget(self) -> None:
        self._log_in = None
        self._cache.clear()
        self._remembered.write(None)

    # --- tokens
    def generate_token(
        self, session_id: str, *, on_success: OnSuccess = None, on_error: OnError = None
    ) -> Awaitable[CallToken]:
        """A token for this session and the user who is logged in, kept until shortly before it expires."""
        return answered(self._token(session_id, ""), on_success, on_error)

    async def _token(self, session_id: str, display_name: str) -> CallToken:
        check_session_id(session_id)
        user = self.logged_in_user
        if user is None:
            ended = " (the log-in has expired)" if self._log_in is not None else ""
            raise AuthTokenError(f"nobody is logged in{ended}; call login first")
        name = display_name or user.name
        token = self._cache.get(user.uid, session_id, name)
        if token is None:
            token = await _bordered(self._tokens().call_token(evolve(user, name=name), session_id))
            check_token(token, session_id=session_id, uid=user.uid)
            self._cache.put(token, user.uid, session_id, name)
        return token

    async def _fresh_token(self, session_id: str, display_name: str) -> CallToken:
        """Another token, where the one that is kept was refused."""
        self._cache.clear()
        return await self._token(session_id, display_name)

    def _tokens(self) -> TokenProvider:
        if self._provider is None:
            place = self._place
            if place.url is None:
                keys = state.development_keys()
                place = Place(None, keys.api_key, keys.api_secret, keys.login_key)
            self._provider = self.plugins.token_provider(place)
        return self._provider

    # --- calls
    def join_session(
        self,
        *,
        session_id: str | None = None,
        call_token: CallToken | str | None = None,
        settings: SessionSettings | Mapping[str, Any] | None = None,
        container: Any = None,
        on_success: OnSuccess = None,
        on_error: OnError = None,
    ) -> Awaitable[CallSession]:
        """Joins by session id, for the user who is logged in, or with a call token; answers with the `CallSession`.

        ``settings`` lie over those of the configuration. ``container`` is what the first renderer draws into. One call
        at a time: `SessionActive` while another is under way.
        """
        job = self._join(session_id, call_token, settings, container)
        return answered(job, on_success, on_error)

    async def _join(self, session_id: Any, call_token: Any, settings: Any, container: Any) -> CallSession:
        if self._joining or self.session is not None:
            raise SessionActive("a call is under way; leave it first, or make another Calls for a second one")
        token = read_call_token(call_token) if call_token is not None else None
        if token is None:
            check_session_id(session_id)
        else:
            user = self.logged_in_user
            check_token(token, session_id=session_id, uid=user.uid if user else None)
        wanted = self._settings(settings)
        wanted_renderers(self.plugins, wanted[0], container)  # raises before anything is opened
        if token is None and self.logged_in_user is None:
            await self._token(session_id, "")  # raises, with the reason
        self._joining = True
        try:
            return await self._joined(token, session_id, wanted, container)
        finally:
            self._joining = False

    async def _joined(self, token: CallToken | None, session_id: str, wanted: Any, container: Any) -> CallSession:
        settings, findings = wanted
        join = Join(settings, self.plugins, self._listeners, findings)
        name = settings.display_name or ""
        token_job = _given(token) if token is not None else self._token(session_id, name)
        fresh = (lambda: self._fresh_token(session_id, name)) if token is None else None
        try:
            where = partial(self._where, token, local.OwnServer())
            return await join.run(where, token_job, container, self._begins, fresh=fresh)
        except BaseException:
            self._session = None
            raise

    def _begins(self, session: CallSession) -> None:
        self._session = session

    async def _where(self, token: CallToken | None, own: local.OwnServer) -> Place:
        if self._place.url is not None:
            return self._place
        if token is not None and token.url is not None:
            return evolve(self._place, url=token.url)
        return await own.place()

    def _settings(self, given: Any) -> tuple[SessionSettings, list[Finding]]:
        values = given.explicit() if isinstance(given, SessionSettings) else given or {}
        if not isinstance(values, Mapping):
            found = f"found {type(given).__name__}"
            raise SettingsError([Finding("error", "settings", found, "give SessionSettings or a mapping")])
        settings = self.config.session_settings(values)
        findings = self.plugins.check_settings(settings, self._place, acted_on=ACTED_ON)
        if any(finding.severity == "error" for finding in findings):
            raise SettingsError(findings)
        for finding in findings:
            logger.warning("settings: %s", finding)
        return settings, findings

    # --- hearing about it
    def on(self, name: str, callback: Callback | None = None) -> Any:
        """As `CallSession.on`, for every call from its first event on."""
        return self._listeners.on(name, callback) if callback is not None else self._listeners.on(name)

    def add_listener(self, listener: object) -> Unwatch:
        """As `CallSession.add_listener`, for every call from its first event on."""
        return self._listeners.add_listener(listener)

    def events(self) -> EventStream:
        """Every event of every call from now on."""
        return self._listeners.events()

    # --- the end
    async def close(self) -> None:
        """The call is left and everything closed; the log-in stays remembered."""
        await self.go_offline()
        if self._session is not None:
            await self._session.leave()
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.close()
        self._listeners.end()

    async def __aenter__(self) -> Calls:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _bordered(asked: Awaitable[Answer]) -> Answer:
    """What the source of tokens answers; an error that is not ours is its plugin's."""
    try:
        return await asked
    except CallError:
        raise
    except Exception as exc:
        found = f"the source of tokens failed: {type(exc).__name__}: {exc}"
        raise PluginError(f"{found}; mend that plugin, or put it into [plugins] disable") from exc


async def _given(token: CallToken) -> CallToken:
    return token


def _checked(place: Place) -> Place:
    if place.url is not None:
        links.check_server_url(place.url)
    return place
