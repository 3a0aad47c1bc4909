"""The command `earshot recommend`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["recommend", *sys.argv[1:]]))
