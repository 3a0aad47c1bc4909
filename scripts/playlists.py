"""The command `earshot playlists`, run from a checkout."""

import sys

from earshot.cli import main

if __name__ == "__main__":
    sys.exit(main(["playlists", *sys.argv[1:]]))
