"""Draw pictures of a library, of its tracks, and of what its taggers respond to.

earshot plot map --tag jazz --tag metal --out map.png
earshot plot taggram "Harbour Psalm" --out taggram.svg
earshot plot similarity "Harbour Psalm" song.mp3 --out similarity.png
earshot plot tempo-key --out wheel.png
earshot plot kernels --tagger MSD_musicnn --out kernels.png
"""

from earshot.group import Group, Subcommand

COMMAND = Group(
    "earshot plot",
    "Draw a picture: .png, .svg or .pdf.",
    {
        "map": Subcommand("plotting.map", "the library in two dimensions, coloured by tags"),
        "taggram": Subcommand("plotting.taggram", "a track's tags over time, and its highlight"),
        "similarity": Subcommand("plotting.similarity", "two tracks compared moment by moment"),
        "tempo-key": Subcommand("plotting.tempo_key", "tempos and keys on the Camelot wheel"),
        "kernels": Subcommand("plotting.kernels", "what a tagger's first layer responds to"),
    },
)
