"""The command `earshot build`, run from a checkout."""

import sys

from earshot.commands.build import main

if __name__ == "__main__":
    sys.exit(main())
