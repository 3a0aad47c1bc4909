"""`python -m earshot`: the same as the command `earshot`."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main())
