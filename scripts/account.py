"""The command `earshot account`, run from a checkout."""

import sys

from earshot.commands.account import main

if __name__ == "__main__":
    sys.exit(main())
