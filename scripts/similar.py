"""The command `earshot similar`, run from a checkout."""

import sys

from earshot.commands.similar import main

if __name__ == "__main__":
    sys.exit(main())
