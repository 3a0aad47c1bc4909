"""The command `earshot mcp`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["mcp", *sys.argv[1:]]))
