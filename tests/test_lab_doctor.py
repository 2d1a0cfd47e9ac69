"""``jackfield doctor`` and ``devices`` on a machine with a camera that this user may not open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

#: Root without the right to pass over permissions, as any other user is.
_ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


def jackfield(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, as an ordinary user."""
    environment = {**os.environ, "JACKFIELD_STATE_DIR": str(folder)}
    command = [*_ORDINARY, sys.executable, "-m", "jackfield", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env=environment, cwd=folder
    )


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_camera_that_is_not_ours_is_named_with_the_command(vivid: str, tmp_path: Path) -> None:
    """Listed as denied, an error of the doctor's, and passed over for one that can be opened; allowed, it is ready."""
    os.chmod(vivid, 0)
    try:
        listed = jackfield(tmp_path, "devices", "camera", "--json")
        (camera,) = (device for device in json.loads(listed.stdout) if device["address"] == vivid)
        assert camera["state"] == "denied"
        assert camera["note"]
        doctor = jackfield(tmp_path, "doctor")
        print(doctor.stdout)
        assert doctor.returncode == 1
        lines = doctor.stdout.splitlines()
        (at,) = (number for number, line in enumerate(lines) if line.startswith(f"✗ v4l2: {vivid}: "))
        assert "may not be opened" in lines[at]
        assert "→ " in lines[at + 1]
        assert any(f"passed over {camera['id']}" in line and "may not be opened" in line for line in lines)
    finally:
        os.chmod(vivid, 0o660)
    listed = jackfield(tmp_path, "devices", "camera", "--json")
    assert next(each for each in json.loads(listed.stdout) if each["address"] == vivid)["state"] == "ready"
