"""The command `earshot tags`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["tags", *sys.argv[1:]]))
