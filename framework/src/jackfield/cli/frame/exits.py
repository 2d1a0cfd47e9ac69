"""Exit codes: what a script may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from jackfield.values import errors


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    NETWORK = 4
    DEVICE = 5
    INTERRUPTED = 130


MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "it did what was asked",
    Exit.FAILED: "it failed; the last line on stderr says at what",
    Exit.USAGE: "the command line was wrong",
    Exit.SETTINGS: "the configuration or the settings are wrong; every mistake is listed",
    Exit.NETWORK: "the server could not be reached, or refused",
    Exit.DEVICE: "a device, a codec or a plugin failed or is missing",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
}

_BY_ERROR: tuple[tuple[type[errors.CallError], Exit], ...] = (
    (errors.SettingsError, Exit.SETTINGS),
    (errors.SessionIdError, Exit.SETTINGS),
    (errors.NetworkError, Exit.NETWORK),
    (errors.ResponseError, Exit.NETWORK),
    (errors.LogInError, Exit.NETWORK),
    (errors.CallTokenError, Exit.NETWORK),
    (errors.NotAllowed, Exit.NETWORK),
    (errors.DeviceError, Exit.DEVICE),
    (errors.EncoderError, Exit.DEVICE),
    (errors.PluginError, Exit.DEVICE),
    (errors.ContainerError, Exit.DEVICE),
)
#: Log-ins that no server was asked about.
_MISSPELT = ("ERROR_INVALID_UID", "ERROR_UID_WITH_SPACE", "ERROR_BLANK_AUTHTOKEN", "ERROR_AUTHTOKEN_WITH_SPACE")


def of(error: errors.CallError) -> Exit:
    """The exit code of an error that ended a command."""
    if error.code in _MISSPELT:
        return Exit.SETTINGS
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def described() -> str:
    """The table for ``--help``."""
    return "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
