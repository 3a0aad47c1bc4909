"""Names of the files in a home."""

INDEX_NAME = "tracks.index"
INDEX_SHARDS_NAME = "index-shards"  # a folder, while an index of millions of tracks is made
PROJECTION_NAME = "projection.safetensors"
HEAD_NAME = "head.safetensors"  # the last trained head, adopted or not; its card is beside it
TAG_MEANS_NAME = "tag-means.safetensors"
AUDIO_EMBEDDINGS_NAME = "audio-embeddings.safetensors"  # by a text–audio model
SEGMENTS_NAME = "segments.safetensors"  # made when moments are first compared
LISTENING_NAME = "listening.safetensors"  # with its ranker, whose card is beside it
POPULARITY_NAME = "popularity.safetensors"  # where it is told from chance
LAYOUT_NAME = "map.safetensors"
DEMO_NAME = "demo-library"  # a folder, where no other library was given
WEIGHTS_NAME = "weights"  # a folder: the taggers' converted weights
SHARDS_NAME = "shards"  # a folder: features that workers of a cluster wrote
