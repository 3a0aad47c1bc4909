"""The command `earshot teach`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["teach", *sys.argv[1:]]))
