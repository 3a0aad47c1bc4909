"""The command `earshot plot`, run from a checkout."""

import sys

from earshot.commands.plot import main

if __name__ == "__main__":
    sys.exit(main())
