"""How figures stand on a page."""

from __future__ import annotations

from jackfield.bench.report import Figure, all_beside_each_other, one_beside_the_other


def test_what_has_several_peers_is_one_row() -> None:
    """A column for each peer, and the reason where one was not measured; what has other peers is another table."""
    figures = [
        Figure("delay", "ms", 1.5, 3.0, "", "this"),
        Figure("memory", "MB", 2.0, 1.0, "", "this"),
        Figure("delay", "ms", 1.5, None, "", "that", note="that is not on the path"),
    ]
    assert all_beside_each_other(figures) == [
        "| what | Jackfield | this | that |",
        "| --- | --- | --- | --- |",
        "| delay | 1.50 ms | 3.00 ms | that is not on the path |",
        "",
        "| what | Jackfield | this |",
        "| --- | --- | --- |",
        "| memory | 2.00 MB | 1.00 MB |",
    ]


def test_what_has_one_peer_stands_with_its_ratio() -> None:
    """Ours over the peer's; none where there is no peer."""
    figures = [Figure("delay", "ms", 1.5, 3.0, "", "this"), Figure("delay", "ms", 1.5, None, "", "that", note="none")]
    assert one_beside_the_other(figures)[2:] == [
        "| delay | 1.50 ms | 3.00 ms | 0.50 | this |",
        "| delay | 1.50 ms | – | – | that: not measured, none |",
    ]
