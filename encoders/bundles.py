"""Named pretrained taggers: an architecture, its weights with their digest, its tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from encoders import conversion, onnx_bundles
from encoders.architectures import ARCHITECTURES
from encoders.errors import WeightsError
from encoders.frontends import FrontEnd
from encoders.onnx_bundles import ENCODERS, OnnxBundle
from encoders.trained_bundles import SUFFIX, Prior, TrainedWeights, adopt
from encoders.weights import CollectionFile, PackagedWeights, Weights

# The tags of MagnaTagATune, the Million Song Dataset (Last.fm) and MTG-Jamendo in the models'
# output order. Jamendo's are spelled as words: the data set has instrument---acousticguitar and so
# on, and they lie in that spelling's order.
# fmt: off
MTT_TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast",
    "piano", "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male",
    "singing", "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute", "woman",
    "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man", "classic", "choir", "voice",
    "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello", "no voice",
    "weird", "country", "metal", "female voice", "choral",
)
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists",
    "classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill",
    "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)
JAMENDO_TAGS = (
    # genres
    "alternative", "ambient", "atmospheric", "chillout", "classical", "dance", "downtempo",
    "easy listening", "electronic", "experimental", "folk", "funk", "Hip-Hop", "house", "indie",
    "instrumental pop", "jazz", "lounge", "metal", "new age", "orchestral", "pop", "pop folk",
    "pop rock", "reggae", "rock", "soundtrack", "techno", "trance", "trip-hop", "world",
    # instruments
    "acoustic guitar", "bass", "computer", "drum machine", "drums", "electric guitar",
    "electric piano", "guitar", "keyboard", "piano", "strings", "synthesizer", "violin", "voice",
    # moods and themes
    "emotional", "energetic", "film", "happy", "relaxing",
)
# fmt: on


@dataclass(frozen=True)
class Bundle:
    """One pretrained tagger: its architecture (a name of ARCHITECTURES), its weights, its tags."""

    architecture: str
    weights: Weights | TrainedWeights
    tags: tuple[str, ...]

    @property
    def front(self) -> FrontEnd:
        """The model's front end."""
        return ARCHITECTURES[self.architecture].front

    @property
    def name(self) -> str:
        """Its name on the command line and in the keys of features."""
        return self.weights.name

    def load(self, cache: Path) -> nn.Module:
        """Return the model, in evaluation mode, with its weights from a package or `cache`.

        Raises WeightsError if the weights are missing, altered or those of something else.
        """
        model = ARCHITECTURES[self.architecture].build(len(self.tags))
        state = self.weights.state(cache)
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(
                f"The weights of {self.name} are those of another architecture: {error}"
            ) from error
        return model.eval().requires_grad_(False)

    def prior(self, model: nn.Module, cache: Path) -> Prior:
        """Return the mean outputs of the loaded `model` over its training data.

        They were measured for models trained here. For the others they follow from the last batch
        norms, whose shifts are their outputs' means.
        """
        if isinstance(self.weights, TrainedWeights):
            return self.weights.prior(cache)
        mean = model.mean_penultimate()  # type: ignore[operator]
        with torch.inference_mode():
            return Prior(mean.numpy().copy(), model.output(mean).numpy().copy())  # type: ignore[operator]


def _packaged_bundles() -> list[Bundle]:
    """List the models that musicnn's package carries."""
    musicnn, vgg = conversion.musicnn_from_tensorflow, conversion.vgg_from_tensorflow
    return [
        Bundle(
            "musicnn",
            PackagedWeights(
                "MTT_musicnn",
                "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
                musicnn,
            ),
            MTT_TAGS,
        ),
        Bundle(
            "musicnn",
            PackagedWeights(
                "MSD_musicnn",
                "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
                musicnn,
            ),
            MSD_TAGS,
        ),
        Bundle(
            "vgg",
            PackagedWeights(
                "MTT_vgg",
                "458f5c8bcecc086a3bba3dce83809df6da6e0a3560a59ddd84711bf3d5fd8303",
                vgg,
            ),
            MTT_TAGS,
        ),
        Bundle(
            "vgg",
            PackagedWeights(
                "MSD_vgg",
                "9683d756b8311146534f333502ebf4a2a78a3e320c54ab0411dff6186d8375fc",
                vgg,
            ),
            MSD_TAGS,
        ),
    ]


_Convert: TypeAlias = Callable[[conversion.Tensors], dict[str, Tensor]]
# What the collection of Won et al. has for each data set: its name for a model, ours, conversion.
_COLLECTION_MODELS: dict[str, tuple[str, _Convert]] = {
    "fcn": ("fcn", conversion.fcn_from_won),
    "crnn": ("crnn", conversion.crnn_from_won),
    "musicnn": ("musicnn-won", conversion.musicnn_from_won),
    "sample": ("sample", conversion.sample_from_won),
    "se": ("sample-se", conversion.se_from_won),
    "short": ("short-chunk", conversion.short_chunk_from_won),
}
_DATASETS = {
    "mtat": (MTT_TAGS, "1f4d282693ac19cde4d30b86811fe0ae2452f406"),
    "msd": (MSD_TAGS, "ffcd1f90b97a1e923a50c6e5283f147cf9dd7dfd"),
    "jamendo": (JAMENDO_TAGS, "ffcd1f90b97a1e923a50c6e5283f147cf9dd7dfd"),
}  # tags, and the revision of the collection that has the files whose digests are known
# Of musicnn on the Million Song Dataset there is the authors' own, MSD_musicnn.
_PUBLISHED_FILES = {
    "mtat_fcn": (1902811, "e89d751202d38c3ae69855782bc27010f87051958dbec64f5aa762364dbac271"),
    "mtat_crnn": (1687630, "cd22fc70cafd06f8f2bfc7dd795abccb1f4b50d5b09094c39ad100baf87475a3"),
    "mtat_musicnn": (3257172, "690ace3bb5d49d90dd38fe3ec05a1185350b3bc3742bd7ee941f56b649b2c893"),
    "msd_fcn": (1902815, "6012aa7eecf864a8081faedca56af054521e8dfb9c5c98659a3dd5d3e1e66f21"),
    "msd_crnn": (1687711, "ebb99855ed0c83f38845db9cfb383dd6fc70938bc58701dcb66e18af9ee7fbea"),
    "jamendo_fcn": (1902815, "7bce08a66dbc70d096b0a330f44b4cacd9aa25519b83489fbb98f2164a194e2b"),
    "jamendo_crnn": (1687626, "0a558989c0793f488cb677d188464c91f47c007f7c70473230e55537ca598215"),
    "jamendo_musicnn": (
        3257168,
        "66280f4859376377c47f64313c7ac889a3201fdb06a01bf6e94ac6e619081bb5",
    ),
}


def _collection_bundles() -> list[Bundle]:
    """List the models of the collection, which `earshot weights` fetches."""
    bundles = []
    for dataset, (tags, revision) in _DATASETS.items():
        for model, (architecture, convert) in _COLLECTION_MODELS.items():
            weights = CollectionFile(dataset, model, convert)
            if weights.name in _PUBLISHED_FILES:
                size, sha256 = _PUBLISHED_FILES[weights.name]
                weights = replace(weights, size=size, sha256=sha256, revision=revision)
            elif model in ("fcn", "crnn", "musicnn"):
                continue
            bundles.append(Bundle(architecture, weights, tags))
    return bundles


DEFAULT_MODELS = ("MSD_musicnn", "MTT_musicnn")
BUNDLES = {bundle.name: bundle for bundle in (*_packaged_bundles(), *_collection_bundles())}


EncoderBundle: TypeAlias = Bundle | OnnxBundle


def tagger_names(text: str, folder: Path) -> list[str]:
    """Return the names in NAME,…; a file of a trained tagger or of an encoder is adopted.

    It becomes one of the folder's. Raises WeightsError, and OSError where it cannot be written.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    adopters = {SUFFIX: adopt, onnx_bundles.SUFFIX: onnx_bundles.adopt_encoder}
    return [
        adopters[suffix](Path(name), folder) if (suffix := Path(name).suffix) in adopters else name
        for name in names
    ]


def find_bundle(name: str, cache: Path) -> EncoderBundle | None:
    """Return an encoder by name: a published one, or a file of one's own that lies in `cache`.

    None where there is none. Raises WeightsError for a file that is damaged.
    """
    if name in BUNDLES or name in ENCODERS:
        return BUNDLES.get(name) or ENCODERS[name]
    if (encoder := cache / f"{name}{onnx_bundles.SUFFIX}").is_file():
        return onnx_bundles.read_bundle(encoder)
    path = cache / f"{name}{SUFFIX}"
    if not path.is_file():
        return None
    weights = TrainedWeights.read(path)
    return Bundle(weights.architecture, weights, weights.tags)
