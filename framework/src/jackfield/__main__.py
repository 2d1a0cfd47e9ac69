"""``python -m jackfield`` is the command ``jackfield``."""

import sys

from jackfield.cli import main

if __name__ == "__main__":
    sys.exit(main())
