"""The settings of the demo library's instruments, by name."""

from collections.abc import Mapping

from recsys.demo.synth import Bed, Drum, Formant, Instrument, Modulated, Pluck, PowerChord, Tone

_GUITAR = (Formant(110, 0.4, 0.8), Formant(230, 0.5, 1.0), Formant(700, 1.0, 0.6))
_VIOLIN = (Formant(290, 0.4, 0.7), Formant(1100, 0.9, 0.8), Formant(2800, 0.7, 0.7))
_CELLO = (Formant(110, 0.5, 0.8), Formant(350, 0.7, 1.0), Formant(1500, 0.8, 0.4))
_AH = (Formant(650, 0.3, 1.6), Formant(1100, 0.25, 1.0), Formant(2700, 0.25, 0.5))
_OO = (Formant(350, 0.35, 1.6), Formant(800, 0.3, 0.6), Formant(2500, 0.25, 0.1))
_REED = (Formant(1000, 0.6, 1.4), Formant(2900, 0.5, 0.8))

INSTRUMENTS: Mapping[str, Instrument] = {
    # strings, plucked and struck: ring, tilt, damping, place of the pick
    "nylon guitar": Pluck(0.9, 1.4, 1.4, 0.26, courses=2, knock=0.1, body=_GUITAR),
    "steel guitar": Pluck(0.9, 1.05, 1.2, 0.16, courses=2, knock=0.15, body=_GUITAR),
    "twelve strings": Pluck(1.2, 0.95, 1.0, 0.16, courses=3, knock=0.1, body=_GUITAR),
    "mandolin": Pluck(0.5, 0.9, 0.8, 0.12, courses=2, knock=0.08),
    "harp": Pluck(1.8, 1.5, 0.9, 0.4),
    "lute": Pluck(0.8, 1.15, 1.1, 0.18, courses=2, knock=0.04, body=_GUITAR),
    "harpsichord": Pluck(1.3, 0.55, 0.55, 0.11, courses=2, knock=0.12, release=0.07),
    "clear harpsichord": Pluck(1.5, 0.65, 0.5, 0.17, courses=1, knock=0.1, release=0.07),
    "piano": Pluck(1.6, 1.25, 0.9, 0.125, courses=2, knock=0.03, release=0.2),
    "upright piano": Pluck(1.0, 1.35, 1.2, 0.14, courses=3, knock=0.06, release=0.15),
    "jazz guitar": Pluck(1.0, 1.8, 1.6, 0.3, body=(Formant(400, 1.2, 1.0),)),
    "clean guitar": Pluck(1.2, 1.1, 1.4, 0.22, knock=0.03),
    "scratch guitar": Pluck(0.12, 0.9, 1.2, 0.15, knock=0.25, release=0.03),
    "double bass": Pluck(0.8, 1.55, 2.0, 0.3, knock=0.03, body=_CELLO),
    "electric bass": Pluck(1.3, 1.3, 2.4, 0.22, knock=0.02),
    "picked bass": Pluck(1.3, 0.9, 1.2, 0.15, knock=0.08),
    "power guitar": PowerChord(Pluck(2.5, 1.1, 0.8, 0.2, knock=0.2, release=0.05)),
    "muted guitar": Pluck(0.14, 0.8, 1.4, 0.1, knock=0.12, release=0.03),
    "lead guitar": Pluck(9.0, 0.9, 0.3, 0.2, courses=2, release=0.06),
    # tines, bars and bells
    "electric piano": Modulated(1.0, 0.9, 0.5, 1.6, (14.0, 0.12, 0.07), (4.6, 0.25)),
    "reed piano": Modulated(1.0, 1.7, 0.3, 0.9, (7.0, 0.06, 0.05), (5.8, 0.35)),
    "vibraphone": Modulated(4.0, 0.35, 0.25, 2.2, (10.0, 0.05, 0.05), (5.6, 0.4)),
    "kalimba": Modulated(5.4, 0.5, 0.05, 0.7, (6.3, 0.15, 0.06)),
    "glass": Modulated(2.76, 0.6, 1.2, 3.5, (5.4, 0.1, 0.8), attack=0.01),
    "bell": Modulated(3.5, 1.8, 1.6, 4.0, (5.6, 0.15, 0.6)),
    # bowed and blown
    "violins": Tone(0.9, formants=_VIOLIN, attack=0.06, unison=3, vibrato=(5.3, 10)),
    "cello": Tone(1.0, formants=_CELLO, attack=0.05, release=0.09, vibrato=(5.0, 10)),
    "fiddle": Tone(0.7, formants=_VIOLIN, attack=0.02, release=0.04, vibrato=(6.2, 10)),
    "slow strings": Tone(
        1.1, formants=_VIOLIN, attack=0.9, release=1.4, unison=3, vibrato=(4.6, 8)
    ),
    "recorder": Tone(2.0, 0.25, attack=0.03, breath=0.05, vibrato=(4.8, 6)),
    "flute": Tone(1.8, 0.6, attack=0.06, breath=0.12, vibrato=(5.0, 14)),
    "low flute": Tone(2.2, 0.5, attack=0.3, release=0.7, breath=0.25, vibrato=(4.2, 12)),
    "oboe": Tone(0.6, formants=_REED, attack=0.04, vibrato=(5.4, 10)),
    "muted trumpet": Tone(
        0.5, formants=_REED, struck=1500, held=5000, glide=0.06, attack=0.03, vibrato=(5.2, 12)
    ),
    "tenor sax": Tone(
        0.7,
        formants=_CELLO,
        struck=900,
        held=3200,
        glide=0.08,
        attack=0.04,
        breath=0.1,
        vibrato=(5.0, 16),
    ),
    "accordion": Tone(0.7, 0.8, formants=_REED, attack=0.04, unison=2, detune=14),
    "melodica": Tone(0.8, 0.6, formants=_REED, attack=0.04, vibrato=(4.8, 8)),
    # sung
    "choir ah": Tone(
        0.9,
        formants=_AH,
        attack=0.7,
        release=1.2,
        unison=3,
        detune=11,
        breath=0.05,
        vibrato=(4.8, 18),
    ),
    "choir oo": Tone(
        1.1,
        formants=_OO,
        attack=0.9,
        release=1.4,
        unison=3,
        detune=11,
        breath=0.05,
        vibrato=(4.5, 16),
    ),
    # organs
    "drawbar organ": Tone(
        drawbars=(1, 0.9, 0.5, 0.6, 0, 0.25, 0, 0.3), attack=0.004, release=0.03, vibrato=(6.4, 9)
    ),
    "bubble organ": Tone(drawbars=(1, 0.5, 0.8, 0.2), attack=0.004, release=0.03),
    # synthesizers
    "warm pad": Tone(
        struck=300, held=1500, glide=1.6, attack=1.2, release=1.8, unison=3, detune=12
    ),
    "dark drone": Tone(
        struck=200, held=450, glide=3.0, resonance=0.3, attack=2.0, release=2.5, unison=2, detune=7
    ),
    "sine pad": Tone(drawbars=(1, 0.3, 0.12, 0.05), attack=1.0, release=2.0, unison=2, detune=6),
    "super saw": Tone(held=9000, struck=9000, attack=0.01, release=0.12, unison=5, detune=11),
    "saw stab": Tone(struck=7000, held=700, glide=0.1, attack=0.003, unison=3, detune=12),
    "square pluck": Tone(
        even=0.2, struck=6000, held=350, glide=0.09, resonance=0.6, attack=0.002, decay=0.3
    ),
    "acid bass": Tone(struck=3200, held=260, glide=0.09, resonance=2.2, attack=0.003, release=0.03),
    "sub bass": Tone(drawbars=(1, 0.25, 0.08, 0.03), attack=0.008, release=0.06),
    "dub bass": Tone(drawbars=(1, 0.35, 0.22, 0.06, 0.04), attack=0.01, decay=1.2, release=0.05),
    "sine lead": Tone(drawbars=(1, 0.12, 0.05), attack=0.02, release=0.2, vibrato=(5.0, 12)),
    "siren": Tone(even=0.0, held=2500, struck=2500, attack=0.05, release=0.4, vibrato=(2.4, 320)),
    # one chip
    "pulse 1/2": Tone(pulse=0.5, attack=0.001, release=0.005),
    "pulse 1/4": Tone(pulse=0.25, attack=0.001, release=0.01, vibrato=(6.0, 10)),
    "pulse 1/8": Tone(pulse=0.125, attack=0.001, release=0.01, vibrato=(6.0, 8)),
    "pulse pluck": Tone(pulse=0.25, attack=0.001, decay=0.12, release=0.005),
    "triangle": Tone(2.0, 0.0, attack=0.001, release=0.005),
    # drums: a falling tone and its decay, a band of noise, its level and its decay
    "house kick": Drum((220, 48, 0.025), 0.16, (1500, 6000), 0.25, 0.006),
    "hard kick": Drum((320, 50, 0.018), 0.13, (2000, 9000), 0.5, 0.006),
    "rock kick": Drum((140, 58, 0.02), 0.1, (2500, 7000), 0.6, 0.012),
    "dusty kick": Drum((120, 52, 0.03), 0.12, (300, 2500), 0.4, 0.02),
    "soft kick": Drum((95, 55, 0.03), 0.12, (100, 900), 0.2, 0.03),
    "chip kick": Drum((400, 50, 0.03), 0.07),
    "snare": Drum((240, 185, 0.02), 0.07, (900, 9000), 1.0, 0.09),
    "big snare": Drum((220, 170, 0.02), 0.12, (600, 9000), 1.3, 0.16),
    "dusty snare": Drum((210, 180, 0.02), 0.06, (500, 4500), 1.1, 0.07),
    "brush": Drum(noise=(1200, 7000), noise_level=0.7, noise_decay=0.09, attack=0.02),
    "rim": Drum((1700, 1650, 0.01), 0.012, (1500, 6000), 0.5, 0.008),
    "clap": Drum(noise=(900, 4500), noise_level=1.4, noise_decay=0.09, claps=4),
    "chip snare": Drum(noise=(600, 10000), noise_level=1.2, noise_decay=0.05),
    "chip hat": Drum(noise=(5000, 10500), noise_level=0.8, noise_decay=0.015),
    "hat": Drum(noise=(7000, 15000), noise_level=0.8, noise_decay=0.025, metal=0.3),
    "open hat": Drum(noise=(6500, 15000), noise_level=0.8, noise_decay=0.14, metal=0.3),
    "dusty hat": Drum(noise=(4500, 8500), noise_level=0.8, noise_decay=0.03, metal=0.2),
    "ride": Drum(
        (3100, 3100, 1.0), 0.02, noise=(5500, 12000), noise_level=0.5, noise_decay=0.3, metal=0.35
    ),
    "crash": Drum(noise=(3500, 14000), noise_level=1.2, noise_decay=0.5, metal=0.15),
    "shaker": Drum(noise=(5000, 11000), noise_level=0.6, noise_decay=0.03, attack=0.015),
    "high tom": Drum((230, 160, 0.04), 0.16, (300, 3000), 0.3, 0.03),
    "low tom": Drum((150, 95, 0.05), 0.22, (200, 2500), 0.3, 0.03),
    "conga": Drum((330, 290, 0.02), 0.09, (500, 3000), 0.3, 0.01),
    "stomp": Drum((90, 60, 0.02), 0.09, (80, 700), 0.8, 0.03),
    # beds
    "wind": Bed((250, 900), swell=0.11),
    "waves": Bed((150, 3500), swell=0.16),
    "rain": Bed((2500, 9000), crackles=60),
    "crackle": Bed((1500, 6000), crackles=16),
    "hiss": Bed((3000, 9000)),
    "riser": Bed((300, 9000), riser=True),
}
