"""Python children have our path, whatever the host did to it, and wherever they are started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jackfield import own_python

_SAYS = "import json, os, sys; print(json.dumps([sys.path, os.environ.get('WORD')]))"


def test_a_child_finds_what_only_our_own_path_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was put into ``sys.path`` by hand, as a relative name and as ``""``; with what else it is told."""
    for folder in ("by_name", "elsewhere", "here"):
        (tmp_path / folder).mkdir()
    (tmp_path / "by_name" / "only_by_name.py").write_text(_SAYS)
    (tmp_path / "here" / "only_here.py").write_text(_SAYS)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", ["", "../by_name", *sys.path])
    for module in ("only_by_name", "only_here"):
        done = subprocess.run(
            own_python.command(module),
            env=own_python.environment({"WORD": "said"}),
            cwd=tmp_path / "elsewhere",
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        path, word = json.loads(done.stdout)
        assert path[:2] == [str(tmp_path / "here"), str(tmp_path / "by_name")]
        assert str(tmp_path / "elsewhere") not in path
        assert word == "said"
