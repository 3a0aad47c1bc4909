"""The command `earshot evaluate`, run from a checkout."""

import sys

from earshot.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
