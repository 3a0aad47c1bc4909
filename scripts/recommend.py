"""The command `earshot recommend`, run from a checkout."""

import sys

from earshot.commands.recommend import main

if __name__ == "__main__":
    sys.exit(main())
