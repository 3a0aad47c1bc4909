"""The architectures by name: how each is built for any number of tags, and its front end.

All are in their published sizes but `small`, an FCN (Choi et al. 2016) over three seconds, which
trains on two cores in minutes, and `mobile`, a student for knowledge distillation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import nn

from encoders.frontends import FrontEnd
from encoders.melspec import MelConfig
from encoders.models import (
    cnn1d,
    crnn,
    fcn,
    mobile,
    multi_scale,
    musicnn,
    musicnn_won,
    rese,
    sample_cnn,
    sample_se,
    short_chunk,
    vgg,
)

# 187 frames (3 s) of 96 bands shrink to 5 places of one band.
SMALL = fcn.FcnConfig(
    n_filters=(16, 32, 32, 64, 64), pools=((2, 2), (2, 2), (2, 2), (3, 2), (4, 2))
)


class Architecture(NamedTuple):
    """A model in one size.

    build  returns it, with random weights, for a number of tags
    front  its front end
    """

    build: Callable[[int], nn.Module]
    front: FrontEnd


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "small": Architecture(
            lambda n: fcn.Fcn(fcn.FcnConfig(n, SMALL.n_filters, SMALL.pools)), MelConfig()
        ),
        "mobile": Architecture(lambda n: mobile.Mobile(mobile.MobileConfig(n)), MelConfig()),
        "cnn1d": Architecture(lambda n: cnn1d.Cnn1d(cnn1d.Cnn1dConfig(n)), cnn1d.MEL),
        "cnn1d-waveform": Architecture(
            lambda n: cnn1d.Cnn1d(cnn1d.Cnn1dConfig(n, cnn1d.WAVEFORM)), cnn1d.WAVEFORM
        ),
        "fcn": Architecture(lambda n: fcn.Fcn(fcn.FcnConfig(n)), fcn.MEL),
        "fcn-4": Architecture(
            lambda n: fcn.Fcn(fcn.FcnConfig(n, fcn.FCN_4.n_filters, fcn.FCN_4.pools)),
            fcn.FCN_4_MEL,
        ),
        "vgg": Architecture(lambda n: vgg.Vgg(vgg.VggConfig(n)), MelConfig()),
        "multi-scale": Architecture(
            lambda n: multi_scale.MultiScale(multi_scale.MultiScaleConfig(n)), multi_scale.MEL
        ),
        "crnn": Architecture(lambda n: crnn.Crnn(crnn.CrnnConfig(n)), crnn.MEL),
        "musicnn": Architecture(lambda n: musicnn.Musicnn(musicnn.MusicnnConfig(n)), MelConfig()),
        "musicnn-won": Architecture(
            lambda n: musicnn_won.WonMusicnn(musicnn_won.WonMusicnnConfig(n)), musicnn_won.MEL
        ),
        "sample": Architecture(
            lambda n: sample_cnn.SampleCnn(sample_cnn.SampleCnnConfig(n)), sample_cnn.WAVEFORM
        ),
        "sample-se": Architecture(
            lambda n: sample_se.SampleSe(sample_se.SampleSeConfig(n)), sample_se.WAVEFORM
        ),
        "rese": Architecture(lambda n: rese.Rese(rese.ReseConfig(n)), rese.WAVEFORM),
        "short-chunk": Architecture(
            lambda n: short_chunk.ShortChunk(short_chunk.ShortChunkConfig(n)), short_chunk.MEL
        ),
    }
)
