"""Words that people use for music, and the tags of taggers that mean the same or nearly so.

The tags are those of MagnaTagATune, the Million Song Dataset and MTG-Jamendo (see
`encoders.bundles`); of a word's tags those count that a home's taggers know.
"""

from __future__ import annotations

from collections.abc import Mapping

from recsys.catalog.search import fold
from recsys.tagging.moods import MOODS

# fmt: off
_GROUPS: tuple[tuple[str, str], ...] = (
    # moods
    ("calm, calming, peaceful, serene, tranquil, soothing, relaxed, unwinding, restful, gentle, "
     "tender, delicate", "relaxing, quiet, soft, slow, mellow, chillout"),
    ("relaxing, relax, chill, chilled, laid back, easygoing",
     "relaxing, chill, chillout, mellow, downtempo"),
    ("sleep, asleep, sleepy, bedtime, lullaby, meditation, meditative, yoga, spa",
     "relaxing, ambient, quiet, slow, new age"),
    ("dreamy, floating, ethereal, atmospheric, spacey, soundscape",
     "atmospheric, ambient, new age"),
    ("sad, melancholic, melancholy, gloomy, sorrowful, mournful, heartbroken, lonely, tragic, "
     "depressing, tearful", "sad, emotional, slow, mellow"),
    ("emotional, moving, touching, romantic, love", "emotional, beautiful, mellow, easy listening"),
    ("beautiful, lovely, pretty", "beautiful"),
    ("happy, cheerful, joyful, joyous, upbeat, sunny, merry, playful, uplifting, feelgood",
     "happy, catchy, party, dance"),
    ("energetic, energy, lively, pumped, workout, running, gym, powerful, driving",
     "energetic, fast, loud, dance"),
    ("angry, aggressive, brutal, furious, rage, violent, harsh, intense",
     "metal, heavy metal, loud, hard rock"),
    ("dark, tense, sinister, ominous, scary, spooky, eerie, haunting",
     "atmospheric, ambient, experimental, weird"),
    ("weird, strange, odd, avant garde", "weird, experimental"),
    ("sensual, sexy, seductive", "sexy, soul, rnb"),
    ("nostalgic, nostalgia, vintage, retro", "oldies, 60s, 70s, classic rock"),
    ("old, oldies, golden oldies", "oldies"),
    ("solemn, sacred, church, religious, hymn, gregorian, mass", "choir, choral, opera, classical"),
    ("epic, cinematic, soundtrack, film, movie", "film, soundtrack, orchestral"),
    # activities and occasions
    ("party, partying", "party, dance"),
    ("dance, dancing, dancefloor, club, nightclub, disco, rave",
     "dance, house, techno, electronic"),
    ("study, studying, reading, concentration, focus", "instrumental, ambient, quiet, classical"),
    ("dinner, restaurant, coffee shop, cafe, cocktail, lounge",
     "lounge, easy listening, jazz, mellow"),
    # speed and loudness
    ("fast, quick, rapid, uptempo", "fast, energetic"),
    ("slow, slowly", "slow, downtempo"),
    ("loud, noisy, distorted, distortion", "loud, hard rock, metal"),
    ("heavy", "heavy metal, metal, hard rock, loud"),
    ("quiet, silent, hushed, soft, softly", "quiet, soft"),
    # instruments and voices
    ("piano, pianist", "piano"),
    ("keyboard, keyboards, organ, electric piano, rhodes",
     "keyboard, electric piano, piano, synth"),
    ("guitar, guitars, guitarist", "guitar"),
    ("acoustic guitar, unplugged, fingerpicking, fingerstyle, nylon guitar",
     "acoustic guitar, acoustic, guitar"),
    ("acoustic", "acoustic, acoustic guitar, folk"),
    ("electric guitar, electric guitars, riff, riffs", "electric guitar, rock, hard rock"),
    ("slide guitar, harmonica", "blues, country, folk"),
    ("banjo, fiddle, mandolin", "country, folk"),
    ("bass, bassline, double bass", "bass"),
    ("drum, drums, drummer, percussion, percussive", "drums"),
    ("drum machine, drum machines, breakbeat", "drum machine, beats, beat"),
    ("beat, beats", "beat, beats, drum machine"),
    ("violin, violins, viola, fiddles", "violin, strings"),
    ("cello, cellos", "cello, strings"),
    ("string, strings, quartet, string quartet", "strings, violin, cello"),
    ("harp", "harp"), ("flute, recorder, woodwind", "flute"),
    ("harpsichord, clavichord, baroque", "harpsichord, classical"),
    ("sitar, raga, tabla", "sitar, indian"),
    ("saxophone, sax, trumpet, trombone, clarinet, brass, horns", "jazz, soul, funk"),
    ("synth, synths, synthesizer, synthesizers, synthesiser, synthesisers",
     "synthesizer, synth, electro, electronic"),
    ("orchestra, orchestral, symphony, symphonic, philharmonic, concerto",
     "orchestral, classical, strings"),
    ("chamber music, sonata, etude, nocturne, prelude, fugue", "classical, classic, strings"),
    ("choir, chorus, choral, chant", "choir, choral"),
    ("opera, operatic, aria, soprano, tenor", "opera"),
    ("solo, alone, unaccompanied", "solo"),
    ("instrumental, instrumentals", "instrumental, no vocals, no vocal, no voice"),
    ("vocal, vocals, voice, voices, singing, singer, sung, lyrics, words",
     "vocal, vocals, voice, singing"),
    ("female vocals, female vocal, female singer, female voice, woman, women, girl, girls, she",
     "female vocalists, female vocalist, female vocal, female voice, female, woman"),
    ("female", "female vocalists, female vocalist, female vocal, female voice, female, woman"),
    ("male vocals, male vocal, male singer, male voice, man, men, male, his",
     "male vocalists, male vocal, male voice, male, man"),
    # genres
    ("rock", "rock, alternative rock, classic rock"), ("pop", "pop, indie pop"),
    ("hard rock", "hard rock"), ("rock n roll, rock and roll, rockabilly", "oldies, 60s, rock"),
    ("metal, metalhead, thrash, death metal, black metal, growling, growl, headbanging, doom",
     "metal, heavy metal"),
    ("punk, hardcore, garage", "punk"),
    ("prog, progressive, psychedelic, krautrock", "progressive rock, experimental"),
    ("indie", "indie, indie rock, indie pop"), ("grunge, alternative", "alternative rock, 90s"),
    ("blues, bluesy, bluesman, delta blues, boogie woogie", "blues"),
    ("jazz, jazzy, bebop, bop, swing, big band, smooth jazz, improvisation, improvised", "jazz"),
    ("soul, motown, gospel", "soul, rnb"), ("funk, funky, groovy", "funk"),
    ("r b, r n b, rnb, rhythm and blues", "rnb, soul"),
    ("rap, rapper, rapping, hip hop, hiphop, trap", "hip hop"),
    ("reggae, ska, dub", "reggae"), ("country, western, bluegrass, americana", "country, folk"),
    ("folk, folky, singer songwriter, songwriter, ballad, ballads, celtic", "folk, acoustic"),
    ("classical, classic music, baroque music", "classical, classic"),
    ("electronic, electronica, electronic music, edm, idm",
     "electronic, electronica, electro, techno"),
    ("techno, trance, acid, drum and bass, dnb, banger, bangers, jungle",
     "techno, trance, electronic, dance, house"),
    ("house, deep house", "house, dance, electronic"),
    ("synthpop, synth pop, new wave, electropop", "80s, synth, electro, electronic"),
    ("trip hop, downtempo", "trip hop, downtempo, chillout"),
    ("ambient, drone", "ambient, atmospheric"), ("new age", "new age"),
    ("world music, african, latin, ethnic", "world"), ("indian, bollywood", "indian, sitar"),
    ("catchy, hooky, singalong", "catchy, pop"),
    ("experimental, noise", "experimental, weird"),
)
# fmt: on

# What lacks the key's words has the tag of the value, which taggers are trained to hear.
ABSENT: Mapping[str, str] = {
    "vocal": "no vocals, no vocal, no voice, instrumental",
    "drums": "acoustic, quiet",
}
COMPARATIVES: Mapping[str, tuple[str, str]] = {  # word: what there is more of, and less
    "faster": ("fast", "slow"),
    "slower": ("slow", "fast"),
    "louder": ("loud", "quiet"),
    "quieter": ("quiet", "loud"),
    "softer": ("soft", "loud"),
    "calmer": ("calm", "energetic"),
    "heavier": ("heavy", "soft"),
    "happier": ("happy", "sad"),
    "sadder": ("sad", "happy"),
    "darker": ("dark", "happy"),
    "livelier": ("energetic", "calm"),
}
# Comparatives that a measure answers where a query says what to compare with: the measure, and the
# least difference, of tempo about in percent, of loudness in LU.
MEASURED: Mapping[str, tuple[str, float]] = {
    "faster": ("tempo", 3.0),
    "slower": ("tempo", -3.0),
    "louder": ("loudness", 1.0),
    "quieter": ("loudness", -1.0),
    "softer": ("loudness", -1.0),
}


def _split(names: str) -> list[str]:
    return [fold(name) for name in names.split(",")]


def _of_moods() -> dict[str, tuple[str, ...]]:
    """Return what moods are called beside their names: "for the gym", "to fall asleep"."""
    return {
        word if word.startswith("to ") else f"for {word}": (mood.name,)
        for mood in MOODS.values()
        for word in mood.words
    }


THESAURUS: Mapping[str, tuple[str, ...]] = {
    word: tuple(_split(tags)) for words, tags in _GROUPS for word in _split(words)
} | _of_moods()


def absent(word: str) -> tuple[str, ...]:
    """Return the folded tags that say that what a word means is missing.

    >>> absent("singing")[0], absent("piano")
    ('no vocals', ())
    """
    meant = THESAURUS.get(word, (word,))[0]
    return tuple(_split(ABSENT[meant])) if meant in ABSENT else ()
