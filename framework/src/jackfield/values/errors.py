"""Every error a user meets, as one tree.

CallError                  code, message, details; ``matches`` any vendor's name of the same condition
├── NotInitialized         yours: call ``init`` first
├── LogInError             yours: uid, key or auth token
│   └── AuthTokenError     not logged in, or the log-in has expired
├── SessionIdError         yours: the session id
├── CallTokenError         yours: the call token
├── SettingsError          yours: settings; ``findings`` lists every mistake
├── ContainerError         yours: what the interface was to be put into
├── SessionActive          yours: leave the other call first
├── NotAllowed             the role may not do this
├── NetworkError           the server cannot be reached; trying again can help
├── ResponseError          the server's answer makes no sense
├── DeviceError            the machine's: DeviceGone, DeviceBusy, DeviceDenied
├── EncoderError           the machine's: no encoder could be opened
├── EncryptionError        yours or theirs: keys differ, or one is missing; what is encrypted cannot be read
├── StreamError            a text or byte stream broke off, or grew past its bounds
├── RpcError               the far end's: a method failed, or nobody answered; ``rpc_code`` says which
└── PluginError            a plugin's: it failed, or none is installed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from jackfield.values.findings import Finding

#: code → the other names of the same condition in either vendor family (parity table).
ALSO_MATCHES: Mapping[str, frozenset[str]] = {
    "ERROR_SDK_NOT_INITIALIZED": frozenset({"ERROR_COMETCHAT_CALLS_SDK_INIT"}),
    "ERROR_AUTH_TOKEN": frozenset({"ERROR_AUTH_TOKEN_MISSING"}),
    "ERROR_CALL_SESSION_ID": frozenset({"ERROR_SESSION_ID_MISSING"}),
    "VALIDATION_ERROR": frozenset({"ERROR_JSON_EXCEPTION"}),
    "ERROR_RESPONSE": frozenset({"ERROR_JSON_EXCEPTION"}),
    "ERROR_CONTAINER": frozenset({"ERROR_CALLING_VIEW_REF_NULL"}),
}


class CallError(Exception):
    """What was asked, what was found, what to do; and whether trying again can help.

    ``message`` is for people and whole in itself; ``details`` holds facts for programs and never a secret.
    """

    code: str = "ERROR_INTERNAL"
    #: Trying the same again later can succeed.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: dict[str, Any] = dict(details or {})

    def matches(self, name: str) -> bool:
        """Whether ``name``, in any vendor family's spelling, names this condition."""
        return name == self.code or name in ALSO_MATCHES.get(self.code, ())

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class NotInitialized(CallError):
    """``init`` was not called."""

    code = "ERROR_SDK_NOT_INITIALIZED"


class LogInError(CallError):
    """The log-in was refused; ``code`` is one of the ``ERROR_INVALID_UID`` … ``ERROR_NO_USER_LOGGED_IN`` row."""

    code = "ERROR_INVALID_UID"


class AuthTokenError(LogInError):
    """Nobody is logged in, or the auth token is wrong or has expired."""

    code = "ERROR_AUTH_TOKEN"


class SessionIdError(CallError):
    """The session id is missing, blank, or over 256 characters."""

    code = "ERROR_CALL_SESSION_ID"


class CallTokenError(CallError):
    """The call token is missing, garbled, expired, or made for another session or user."""

    code = "ERROR_CALL_TOKEN"


class SettingsError(CallError):
    """The settings do not hold; ``findings`` has every mistake with its fix."""

    code = "VALIDATION_ERROR"

    def __init__(self, findings: Sequence[Finding]) -> None:
        lines = [str(finding) for finding in findings]
        super().__init__("\n".join(lines), details={"findings": lines})
        self.findings = tuple(findings)


class ContainerError(CallError):
    """The container is missing or is not one the renderer can draw into."""

    code = "ERROR_CONTAINER"


class SessionActive(CallError):
    """A call is under way in this ``Calls``."""

    code = "ERROR_SESSION_ACTIVE"


class NotAllowed(CallError):
    """This token's role may not do that."""

    code = "ERROR_PERMISSION"


class NetworkError(CallError):
    """The server could not be reached, or did not answer in time."""

    code = "ERROR_NETWORK"
    retryable = True


class ResponseError(CallError):
    """The server answered with something that cannot be parsed."""

    code = "ERROR_RESPONSE"


class DeviceError(CallError):
    """A device cannot be used."""

    code = "ERROR_DEVICE_GONE"


class DeviceGone(DeviceError):
    """The device is not there, or was pulled out; it may come back."""

    code = "ERROR_DEVICE_GONE"
    retryable = True


class DeviceBusy(DeviceError):
    """Another program holds the device."""

    code = "ERROR_DEVICE_BUSY"
    retryable = True


class DeviceDenied(DeviceError):
    """The operating system does not let this user open the device."""

    code = "ERROR_DEVICE_DENIED"


class EncoderError(CallError):
    """No encoder (or decoder) could be opened, or the one in use failed."""

    code = "ERROR_ENCODER"


class EncryptionError(CallError):
    """What somebody sends is encrypted end to end with a key that this call does not have. The call goes on."""

    code = "ERROR_ENCRYPTION"


class StreamError(CallError):
    """A text or byte stream cannot be gone on with: this one alone, the call goes on."""

    code = "ERROR_STREAM"


class RpcError(CallError):
    """A remote call failed. Raise it in a method of yours, with a code of your own, and its caller gets the same.

    ``rpc_code`` is one of `RpcCode`, or the method's own; ``data`` is what its author adds, JSON as a rule.
    """

    code = "ERROR_RPC"

    def __init__(self, rpc_code: int, message: str, data: str = "") -> None:
        super().__init__(message, details={"rpc_code": int(rpc_code), "data": data})
        self.rpc_code, self.data = int(rpc_code), data


class PluginError(CallError):
    """A plugin failed, or the one that was asked for is not installed."""

    code = "ERROR_PLUGIN"
