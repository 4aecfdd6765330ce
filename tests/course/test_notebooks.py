"""The form of the notebooks, which the book, Colab and GitHub rely on."""

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(
    p for p in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
)
MODEL = ROOT / "book/math/mean-squared-error.ipynb"
every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda p: str(p.relative_to(ROOT / "book"))
)


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def prose(path):
    return "\n".join(source(cell) for cell in cells(path, "markdown"))


def address():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"]


@every_notebook
def test_the_first_cell_of_code_is_the_common_setup(path):
    assert source(cells(path, "code")[0]) == source(cells(MODEL, "code")[0])


def test_the_setup_cell_installs_from_the_address_in_the_config():
    assert f"git+{address()}@main" in source(cells(MODEL, "code")[0])


@pytest.mark.parametrize("name", ["pyproject.toml", "README.md", "CITATION.cff"])
def test_every_file_that_names_the_repository_names_the_one_in_the_config(name):
    assert address() in (ROOT / name).read_text(encoding="utf-8")


@every_notebook
def test_every_figure_has_alt_text_and_a_caption(path):
    for number, cell in enumerate(cells(path, "code"), 1):
        for output in cell["outputs"]:
            if any(kind.startswith("image/") for kind in output.get("data", {})):
                mystnb = cell["metadata"].get("mystnb", {})
                alt = mystnb.get("image", {}).get("alt")
                assert alt, f"code cell {number}: alt"
                caption = mystnb.get("figure", {}).get("caption")
                assert caption, f"code cell {number}: caption"
                for text in (alt, caption):  # the quotes of YAML would be shown
                    assert text[0] not in "'\"", f"code cell {number}: {text}"


@every_notebook
def test_every_cell_was_run_in_order_and_none_stored_an_unexpected_error(path):
    code = cells(path, "code")
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
    for number, cell in enumerate(code, 1):
        tags = cell["metadata"].get("tags", [])
        kinds = {output["output_type"] for output in cell["outputs"]}
        streams = {output.get("name") for output in cell["outputs"]}
        assert "error" not in kinds or "raises-exception" in tags, f"cell {number}"
        assert "stderr" not in streams, f"code cell {number} stores stderr"


@every_notebook
def test_what_is_stored_names_no_path_address_or_time(path):
    for number, cell in enumerate(cells(path, "code"), 1):
        texts = [
            "".join(o.get("text", ""))
            + "".join(o.get("data", {}).get("text/plain", ""))
            for o in cell["outputs"]
        ]
        stored = "\n".join(texts)
        assert not re.search(r"/(home|root|work|tmp|usr)/\w", stored), f"cell {number}"
        assert not re.search(r"0x[0-9a-f]{8,}", stored), f"cell {number}: an address"


@every_notebook
def test_the_prose_uses_what_colab_and_github_render_too(path):
    text = prose(path)
    assert not re.search(r"^:::|^```\{", text, flags=re.M)
    assert not re.search(r"\{(ref|numref|cite\w*|glue|doc|eq|term)[^}]*\}`", text)


@every_notebook
def test_no_sentence_is_broken_so_that_a_list_seems_to_begin(path):
    """A line of a paragraph that starts with "1. " or "+ " is the first of a list."""
    for cell in cells(path, "markdown"):
        lines = source(cell).splitlines()
        for before, line in itertools.pairwise(lines):
            begins = re.match(r" {0,3}(1[.)]|[-+*]) ", line)
            goes_on = re.match(r"\s*([-+*]|\d+[.)]) |\s{2,}|$", before)
            assert not begins or goes_on, line


@every_notebook
def test_each_checked_exercise_is_known_and_its_answer_is_folded_away(path):
    from lossbook._book.exercises import EXERCISES

    code = "\n".join(source(cell) for cell in cells(path, "code"))
    for name in re.findall(r"lb\.check\(\s*\"([^\"]+)\"", code):
        assert name in EXERCISES
    text = prose(path)
    exercises = len(re.findall(r"^### Exercise", text, flags=re.M))
    answers = len(re.findall(r"<details><summary>Answer", text))
    assert 3 <= exercises == answers


@every_notebook
def test_lines_and_cells_are_short_enough_to_read_on_a_phone(path):
    for number, cell in enumerate(cells(path, "code"), 1):
        lines = [line for line in source(cell).splitlines() if line.strip()]
        assert len(lines) <= 20, f"code cell {number} has {len(lines)} lines"
        assert max(map(len, lines), default=0) <= 88, f"code cell {number}"


@every_notebook
def test_no_cell_ends_with_a_semicolon_which_is_lost_when_nbval_runs_it(path):
    for number, cell in enumerate(cells(path, "code"), 1):
        assert not source(cell).rstrip().endswith(";"), f"code cell {number}"
