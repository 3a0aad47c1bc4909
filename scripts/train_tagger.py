"""The command `earshot train-tagger`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["train-tagger", *sys.argv[1:]]))
