"""The command `earshot similar`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["similar", *sys.argv[1:]]))
