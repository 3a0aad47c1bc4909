"""The command `earshot serve`, run from a checkout."""

import sys

from earshot.commands.serve import main

if __name__ == "__main__":
    sys.exit(main())
