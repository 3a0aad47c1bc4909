"""The command `earshot teach`, run from a checkout."""

import sys

from earshot.commands.teach import main

if __name__ == "__main__":
    sys.exit(main())
