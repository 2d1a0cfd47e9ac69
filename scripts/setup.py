"""Makes or refreshes .venv and the web client. Run by `make setup`; does nothing, quietly, when nothing changed.

It is read by whatever python3 the machine has, so it imports the standard library only and its syntax stays old enough
for the check below to be reached.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "bin")
PYTHON = os.path.join(BIN, "python")
UV = os.path.join(BIN, "uv")
LOCK = os.path.join(ROOT, "requirements.lock")


def stop(message):
    """End with one line that says what to do."""
    sys.stderr.write(f"setup: {message}\n")
    sys.exit(1)


def run(what, command, **options):
    """Run a command in silence; show what it printed only when it failed."""
    print(f"setup: {what}", flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        sys.stderr.write(done.stdout.decode("utf-8", "replace"))
        stop(f"{what} failed; the reason is above")


def members():
    """Give the folders of the workspace's members that are Python distributions."""
    found = ["framework"]
    for kind in ("plugins", "adapters"):
        found += [os.path.join(kind, name) for name in sorted(os.listdir(os.path.join(ROOT, kind)))]
    return [folder for folder in found if os.path.exists(os.path.join(ROOT, folder, "pyproject.toml"))]


def digest(paths):
    """Give one hash over the place of this checkout and the content of these files."""
    total = hashlib.sha256(ROOT.encode())
    for path in paths:
        with open(os.path.join(ROOT, path), "rb") as file:
            total.update(path.encode() + b"\0" + file.read())
    return total.hexdigest()


def stamped(name, value):
    """Say whether the stamp of this name already holds this value."""
    try:
        with open(os.path.join(VENV, name)) as file:
            return file.read() == value
    except OSError:
        return False


def stamp(name, value):
    with open(os.path.join(VENV, name), "w") as file:
        file.write(value)


def check_python():
    if sys.version_info < (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:2])
        stop(f"Python 3.11 or later is needed and this is {found}; name another: make PYTHON=python3.12 …")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python has no venv; on Debian and Ubuntu: apt-get install python3-venv")


def make_venv():
    """Make .venv where there is none, or where the Python it was made with is gone."""
    works = os.path.exists(PYTHON) and subprocess.call([PYTHON, "-c", ""], stderr=subprocess.DEVNULL) == 0
    if not works:
        run("making .venv", [sys.executable, "-m", "venv", "--clear", VENV])


def install_uv():
    """Install the locked uv with pip, against the lock's own hashes."""
    with open(LOCK) as file:
        lines = file.read().replace("\\\n", " ").splitlines()
    wanted = [" ".join(line.split()) for line in lines if line.startswith("uv==")]
    if len(wanted) != 1:
        stop("requirements.lock does not name uv once; run `make lock`")
    version = wanted[0].split()[0][len("uv==") :]
    if os.path.exists(UV) and subprocess.check_output([UV, "--version"]).decode().split()[1] == version:
        return
    if subprocess.call([PYTHON, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        run("restoring pip", [PYTHON, "-m", "ensurepip"])
    only = os.path.join(VENV, "uv.lock.txt")
    with open(only, "w") as file:
        file.write(wanted[0].replace(" --hash", " \\\n    --hash") + "\n")
    command = [PYTHON, "-m", "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", only]
    run(f"installing uv {version}", command)


def sync():
    """Install what the lock says, then every member in editable form."""
    locked = digest(["requirements.lock"])
    faces = digest([os.path.join(folder, "pyproject.toml") for folder in members()])
    environment = dict(os.environ, VIRTUAL_ENV=VENV, UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never")
    if not stamped("locked.stamp", locked):
        stamp("members.stamp", "")
        command = [UV, "pip", "sync", "-q", "--python", PYTHON, "--require-hashes", LOCK]
        run("installing what requirements.lock names", command, env=environment)
        stamp("locked.stamp", locked)
    if not stamped("members.stamp", faces):
        command = [UV, "pip", "install", "-q", "--python", PYTHON, "--no-deps", "--no-build-isolation"]
        for folder in members():
            command += ["-e", os.path.join(ROOT, folder)]
        run(f"installing the workspace's {len(members())} members", command, env=environment)
        stamp("members.stamp", faces)


def build_web_client():
    """Build the web client; its script is quiet when nothing changed, and says itself what it does."""
    script = os.path.join(ROOT, "framework", "web", "build.py")
    if os.path.exists(script) and subprocess.call([PYTHON, script], cwd=ROOT):
        stop("building the web client failed; the reason is above")


def main():
    check_python()
    make_venv()
    import fcntl  # after the check: its absence on Windows has no bearing on the version's message

    with open(os.path.join(VENV, "setup.lock"), "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        install_uv()
        sync()
        build_web_client()


if __name__ == "__main__":
    main()
