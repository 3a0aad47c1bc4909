"""The command `earshot import`, run from a checkout."""

import sys

from earshot.commands.import_listens import main

if __name__ == "__main__":
    sys.exit(main())
