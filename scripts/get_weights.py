"""The command `earshot weights`, run from a checkout."""

import sys

from earshot.commands.weights import main

if __name__ == "__main__":
    sys.exit(main())
