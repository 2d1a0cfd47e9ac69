"""`make lab`: every hardware test in one VM. Arguments are pytest's."""

from __future__ import annotations

import sys

from tests.lab.machine import NEEDS, VM_NEEDS
from tests.lab.vm import inner

_LIMIT_S = 3 * 3600


def main() -> int:
    lacks = [f"{lack}. To mend it: {NEEDS[name].fix}" for name in VM_NEEDS if (lack := NEEDS[name].lack())]
    if lacks:
        print("\n".join(["lab: the virtual machine cannot be booted here.", *lacks]), file=sys.stderr)
        return 1
    return inner.run(sys.argv[1:], which=inner.EVERY, limit_s=_LIMIT_S).status


if __name__ == "__main__":
    sys.exit(main())
