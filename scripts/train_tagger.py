"""The command `earshot train-tagger`, run from a checkout."""

import sys

from earshot.commands.train_tagger import main

if __name__ == "__main__":
    sys.exit(main())
