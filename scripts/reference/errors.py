"""docs/reference/errors.md: every error that a user meets."""

from __future__ import annotations

import ast
import inspect

from jackfield.cli.frame import exits
from jackfield.values import errors
from scripts.reference.markdown import FRAMEWORK, ROOT, code, page, prose, table

ABOUT = """
`error.code` is the name in the first column, `error.message` is for people, `error.details` has facts for programs,
`error.retryable` says whether the same can succeed later. `error.matches(name)` is true for the code and for each name
beside it, in either vendor family's spelling. With `on_error=` a call gives the error to the callback, answers None and
does not raise.
"""
ABOUT_FINDINGS = """
`SettingsError` has `findings`, each with `severity` (error, warning), `key`, `found`, `fix` and `source` (a file, the
environment, a plugin).
"""


#: Code → whose move it is, and which.
MOVES = {
    "ERROR_INTERNAL": "Report it: Jackfield's own mistake.",
    "ERROR_SDK_NOT_INITIALIZED": "Call `await jackfield.init()` first.",
    "ERROR_AUTH_TOKEN": "Log in (again).",
    "ERROR_INVALID_UID": "Give a uid that is not empty.",
    "ERROR_UID_WITH_SPACE": "Take the spaces out of the uid.",
    "ERROR_API_KEY_NOT_FOUND": "Give the server's log-in key, or join with an invite.",
    "ERROR_BLANK_AUTHTOKEN": "Give the auth token that your back end got.",
    "ERROR_AUTHTOKEN_WITH_SPACE": "Give the auth token as it came, without spaces.",
    "ERROR_LOGIN_IN_PROGRESS": "Await the log-in that is under way.",
    "ERROR_NO_USER_LOGGED_IN": "Nothing: nobody was logged in.",
    "ERROR_CALL_SESSION_ID": "Give a session id of 1 to 256 characters.",
    "ERROR_CALL_TOKEN": "Get a token for this user and session: `generate_token`.",
    "VALIDATION_ERROR": "Mend what `error.findings` lists; each finding has its fix.",
    "ERROR_RESPONSE": "Look at what answers at that address: it is not what was expected.",
    "ERROR_CONTAINER": "Give the container that the renderer's page names, or no container.",
    "ERROR_SESSION_ACTIVE": "Leave the other call, or make another `Calls`.",
    "ERROR_NETWORK": "See that the server runs and can be reached; then try again.",
    "ERROR_PERMISSION": "Ask a moderator, or join with a token that allows it.",
    "ERROR_DEVICE_GONE": "Attach it, or name another; `jackfield devices` lists them.",
    "ERROR_DEVICE_BUSY": "Close the program that has it.",
    "ERROR_DEVICE_DENIED": "Let this user open it; the message names the group or the setting.",
    "ERROR_ENCODER": "See why each encoder was passed over: `jackfield doctor`.",
    "ERROR_ENCRYPTION": "Give every participant the same `e2ee_key`.",
    "ERROR_STREAM": "Ask for it again, or read faster: the message says what broke it off.",
    "ERROR_RPC": "Look at `error.rpc_code`: it says whose move it is.",
    "ERROR_PLUGIN": "Install or mend the plugin that it names: `jackfield plugins`.",
}  # fmt: skip
#: Log-in codes that the docstring of their class does not tell apart.
WHEN = {
    "ERROR_INVALID_UID": "The uid is empty or not text.",
    "ERROR_UID_WITH_SPACE": "The uid has spaces in it.",
    "ERROR_API_KEY_NOT_FOUND": "The log-in key is missing or wrong.",
    "ERROR_BLANK_AUTHTOKEN": "The auth token is empty.",
    "ERROR_AUTHTOKEN_WITH_SPACE": "The auth token has spaces in it.",
    "ERROR_LOGIN_IN_PROGRESS": "Another log-in of this `Calls` has not ended.",
    "ERROR_NO_USER_LOGGED_IN": "`logout`, and nobody was logged in.",
    "ERROR_INTERNAL": "Anything that has no code of its own.",
}


def made() -> str:
    """Every error that a user meets."""
    also = errors.ALSO_MATCHES
    rows = [
        (
            code(each),
            code(kind.__name__),
            ", ".join(map(code, sorted(also.get(each, ())))),
            WHEN.get(each) or prose(kind.__doc__),
            MOVES[each],
            "yes" if kind.retryable else "no",
        )
        for each, kind in _codes().items()
    ]
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    exit_rows = [(str(number.value), meaning) for number, meaning in exits.MEANINGS.items()]
    return page(
        "Errors",
        prose(errors.CallError.__doc__),
        ABOUT,
        "```\n" + tree + "\n```",
        table(("Code", "Class", "Also matches", "When", "What to do", "Trying again can help"), rows),
        ABOUT_FINDINGS,
        "## Exit codes of `jackfield`\n\n" + table(("Code", "Meaning"), exit_rows),
    )


def _codes() -> dict[str, type[errors.CallError]]:
    """Code → the class it comes in, in the order of `MOVES`; fails where the source has another set of codes."""
    found: dict[str, type[errors.CallError]] = {}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CallError)]
    for kind in kinds:
        found[kind.code] = kind
    by_name = {kind.__name__: kind for kind in kinds}
    for path in [*FRAMEWORK.rglob("*.py"), *ROOT.glob("plugins/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in by_name:
                named = [key.value for key in node.keywords if key.arg == "code"]
                found |= {str(each.value): by_name[node.func.id] for each in named if isinstance(each, ast.Constant)}
    assert set(found) == set(MOVES), f"MOVES has other codes than the source: {sorted(set(found) ^ set(MOVES))}"
    return {each: found[each] for each in MOVES}
