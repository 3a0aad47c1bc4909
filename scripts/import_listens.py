"""The command `earshot import`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["import", *sys.argv[1:]]))
