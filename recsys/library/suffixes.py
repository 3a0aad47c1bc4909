"""Which files are read as audio by their suffix, and which media files are not."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping

# Video containers can hold audio.
_AUDIO = """
.mp3 .mp2 .mp1 .mpa .mpga .m2a .m4a .m4b .m4r .mp4 .m4v .mp4a .mov .qt .3gp .3gpp .3g2 .aac .adts
.alac .flac .ogg .oga .ogv .ogx .ogm .opus .spx .wav .wave .bwf .rf64 .w64 .aif .aiff .aifc .au
.snd .caf .wma .wmv .asf .xwma .ape .wv .mpc .mpp .mp+ .tta .tak .shn .ac3 .eac3 .ec3 .dts .dtshd
.mlp .thd .truehd .dsf .dff .mka .mkv .webm .weba .avi .divx .flv .f4v .f4a .f4b .mpg .mpeg .vob
.m2ts .amr .awb .ra .rm .rmvb .oma .aa3 .voc .iff .8svx .nut .wtv .mxf .gsm .qcp .vqf
"""
AUDIO_SUFFIXES = frozenset(_AUDIO.split())

# Music that is no recorded sound, or may not be decoded: notes, modules, protected files, images.
_UNREADABLE = """
.mid .midi .kar .rmi .mod .xm .it .s3m .mtm .umx .sid .nsf .spc .vgm .vgz .gbs .psf .cda .m4p .aax
.aaxc .aa .ofr .ofs .iso .nrg .ts .mts .gp3 .gp4 .gp5 .gpx .ptb .mscz
"""
_NOT_READ = frozenset(_UNREADABLE.split())


def is_media(suffix: str) -> bool:
    """Say whether a suffix that is not read is one of music or films.

    >>> is_media(".mid"), is_media(".jpg"), is_media("")
    (True, False, False)
    """
    if suffix in _NOT_READ:
        return True
    kind = mimetypes.types_map.get(suffix, "")
    return kind.startswith(("audio/", "video/")) and not suffix.startswith((".m3u", ".pls"))


def listed(counts: Mapping[str, int], most: int = 8) -> str:
    """Return counts by suffix as words, the largest first: "30 .jpg, 8 .txt and 2 more".

    >>> listed({".txt": 8, "": 1, ".jpg": 30})
    '30 .jpg, 8 .txt, 1 without a suffix'
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count:,} {suffix or 'without a suffix'}" for suffix, count in ranked[:most]]
    rest = sum(count for _, count in ranked[most:])
    return ", ".join(words) + (f" and {rest:,} more" if rest else "")
