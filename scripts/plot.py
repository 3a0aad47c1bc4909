"""The command `earshot plot`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["plot", *sys.argv[1:]]))
