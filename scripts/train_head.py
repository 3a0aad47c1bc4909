"""The command `earshot train-head`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["train-head", *sys.argv[1:]]))
