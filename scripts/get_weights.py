"""The command `earshot weights`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["weights", *sys.argv[1:]]))
