"""The command `earshot train-head`, run from a checkout."""

import sys

from earshot.commands.train_head import main

if __name__ == "__main__":
    sys.exit(main())
