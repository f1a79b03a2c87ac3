"""Results as CSV and Markdown."""

import csv
import dataclasses
import io

from tiny_results import make_results

from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.results import Clip
from tf_gantts.evaluation.tables import csv_text, estimate_text, markdown_table, markdown_text


def test_a_csv_line_holds_everything_of_a_clip_and_a_row():
    results = make_results()
    text = 'He said: "one,\ntwo"'
    first = dataclasses.replace(results.clips[0], text=text)
    results = dataclasses.replace(results, clips=(first, results.clips[1]))
    lines = list(csv.DictReader(io.StringIO(csv_text(results))))
    assert [(line["clip"], line["row"]) for line in lines] == [
        ("a/1", "natural"),
        ("a/1", "model"),
        ("b", "natural"),
        ("b", "model"),
    ]
    assert (lines[0]["text"], lines[0]["recognised"]) == (text, "the cat <sat>")
    assert float(lines[1]["mcd"]) == 0.1 + 0.2 and lines[1]["missing"] == ""
    assert (lines[2]["utmos"], lines[2]["missing"]) == ("", "")  # NaN without a reason
    assert lines[3]["mcd"] == "" and lines[3]["missing"] == (
        "mcd: cut short; wer: cut short; utmos: cut short"
    )
    assert (lines[1]["recognised"], lines[3]["recognised"]) == ("", "")
    assert lines[2]["seconds"] == "0.750"


def test_the_markdown_says_what_there_is_and_what_not():
    text = markdown_text(make_results(), "A | <title>")
    assert text.startswith("# A \\| &lt;title>\n\nMean over 2 clips with its 90% bootstrap")
    assert "|  | Recording | Modèle |" in text
    assert "| MCD13 (dB) | 0.00 [0.00, 0.00] | 0.30 (n = 1) |" in text
    assert "| WER | 0.167 [0.000, 0.250] | 0.500 (n = 1) |" in text
    assert "| WER, times that of the recordings | 1 | 2.00 |" in text
    assert "| UTMOS (MOS) ↑ | 4.10 (n = 1) | - |" in text
    assert "- nisqa: pip install it" in text
    assert "- Modèle: MCD13, WER, UTMOS of b: cut short" in text
    assert "- model, b: cut short" in text
    assert "| signal metrics | 0.07 | 9.0 | 18.0 | 7200 | 14400 |" in text
    assert "| everything | 0.07 | 9.0 | 18.0 | 7200 | 14400 |" in text
    assert "- Recording: As it is." in text and "- Date: today" in text
    assert "| UTMOS | same speaker | 0.900 [0.800, 0.950] |" in text


def test_a_column_without_any_number_is_no_row_but_a_reason():
    results = make_results()
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    rows = tuple(
        dataclasses.replace(row, estimates=dict(row.estimates) | {"mcd": nothing})
        for row in results.rows
    )
    text = markdown_text(dataclasses.replace(results, rows=rows), "x")
    assert "| MCD13" not in text and "- MCD13: cut short" in text


def test_many_clips_are_counted_and_three_are_named():
    results = make_results()
    clips = tuple(Clip(f"clip{n}", "", "", 1.0) for n in range(5))
    missing = results.rows[1].values["mcd"][1]
    rows = tuple(
        dataclasses.replace(row, values=dict.fromkeys(row.values, (0.0, *[missing] * 4)), texts=())
        for row in results.rows
    )
    text = markdown_text(dataclasses.replace(results, clips=clips, rows=rows), "x")
    assert "of 4 clips (clip1, clip2, clip3, ...): cut short" in text


def test_numbers_and_cells_are_one_line():
    assert estimate_text(Estimate(0.126, 0.1, 0.2, 5), 2) == "0.13 [0.10, 0.20]"
    assert markdown_table(["", "a\nb"], [["x|y", "1"]]) == (
        "|  | a b |\n| --- | ---: |\n| x\\|y | 1 |"
    )
