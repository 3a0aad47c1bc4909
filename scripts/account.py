"""The command `earshot account`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["account", *sys.argv[1:]]))
