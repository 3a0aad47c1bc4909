"""The names of a home's files."""

INDEX_NAME = "tracks.index"
PROJECTION_NAME = "projection.safetensors"
HEAD_NAME = "head.safetensors"  # the head trained last, adopted or not; its card beside it
LISTENING_NAME = "listening.safetensors"
LAYOUT_NAME = "map.safetensors"
DEMO_NAME = "demo-library"  # a folder, of the home that is built from no other
WEIGHTS_NAME = "weights"  # a folder: the taggers' converted weights
