"""The command `earshot build`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["build", *sys.argv[1:]]))
