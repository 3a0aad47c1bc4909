"""Take along what Earshot found out: tags, tempo and key, as a table or in the files' own tags.

earshot tags export --out tags.csv
earshot tags write --fields tempo,key
earshot tags write --fields tempo,key --write-tags
"""

from earshot.group import Group, Subcommand

COMMAND = Group(
    "earshot tags",
    "Take along tags, tempo and key: as a table, or in the files' own tags.",
    {
        "export": Subcommand("tag_files.export", "all tracks' tags, tempo and key as CSV or JSON"),
        "write": Subcommand("tag_files.write", "write tempo, key and tags into the music files"),
    },
)
