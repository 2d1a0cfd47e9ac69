"""How datagrams that leave together are cut into messages."""

import pytest

from jackfield.rtc import segments


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([7], [[7]]),
        ([9, 9, 4], [[9, 9, 4]]),
        ([9, 9, 4, 4, 9], [[9, 9, 4], [4], [9]]),
        ([4, 9, 9], [[4], [9, 9]]),
        ([9, 4, 2], [[9, 4], [2]]),
        ([9] * 65, [[9] * 64, [9]]),
        ([30_000, 30_000, 30_000], [[30_000, 30_000], [30_000]]),
    ],
)
def test_a_run_has_one_size_and_a_smaller_end(sizes: list[int], expected: list[list[int]]) -> None:
    """That is what the kernel cuts back into the same datagrams."""
    found = [[len(data) for data in run] for run in segments.runs([bytes(size) for size in sizes])]
    assert found == expected
