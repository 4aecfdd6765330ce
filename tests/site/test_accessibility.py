"""Pages for everybody: axe-core's rules on all pages, and each thing by key alone."""

from collections import Counter

import pytest

from . import built
from .conftest import PATIENCE, Visit, open_page

pytestmark = pytest.mark.site

AXE = built.ROOT / "node_modules" / "axe-core" / "axe.min.js"
AUDIT = built.ROOT / "tests" / "site" / "audit.js"

# Width, theme, and whether only colours are looked at: the other rules see each width
# and each theme once.
SETTINGS = (
    (1280, "light", False),
    (1280, "dark", True),
    (390, "dark", False),
    (390, "light", True),
)

# What axe finds and we leave: rule, words in the element that it names, and why.
LEFT = (
    # 2026-11-27, axe-core 4.14.1. Headings of tables that are one formula: a screen
    # reader reads its MathML, axe does not take <math> for words.
    ("empty-table-header", "<math"),
    # 2026-11-27. An experimental rule that wants a landmark around each box that
    # scrolls. They are named groups: a page of thirty formulas would be thirty
    # landmarks, and those few that help to find one's way would be lost among them.
    ("focus-order-semantics", 'role="group"'),
)


def is_left(found):
    return any(found["rule"] == rule and words in found["html"] for rule, words in LEFT)


def set_theme(page, scheme):
    page.emulate_media(color_scheme=scheme)
    dark = scheme == "dark"
    page.evaluate(
        "([dark, patience]) => look.untilTheme(dark, patience)", [dark, PATIENCE]
    )


def set_width(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("audit.settle()")


def audit_page(context, path):
    """Return what axe finds on a page at two widths, light and dark, all unfolded."""
    page = open_page(context, path, Visit(path.name))
    page.add_script_tag(path=AXE)
    page.add_script_tag(path=AUDIT)
    page.evaluate("look.unfold()")
    page.evaluate("audit.thin()")
    found = []
    for width, scheme, only_contrast in SETTINGS:
        set_width(page, width)
        set_theme(page, scheme)
        found += page.evaluate("only => audit.run(only)", only_contrast)
    page.close()
    return found


@pytest.fixture(scope="module")
def audits(offline):
    assert AXE.exists(), "axe-core is missing: run `npm ci` in the repository's root"
    return {built.name_of(path): audit_page(offline, path) for path in built.pages()}


def test_axe_finds_nothing_on_any_page_but_what_is_left_for_a_reason(audits):
    bad = Counter(
        (name, found["rule"], found["html"])
        for name, findings in audits.items()
        for found in findings
        if not is_left(found)
    )
    assert dict(bad) == {}


def test_each_reason_to_leave_something_is_still_needed(audits):
    everything = [found for findings in audits.values() for found in findings]
    idle = [
        (rule, words)
        for rule, words in LEFT
        if not any(f["rule"] == rule and words in f["html"] for f in everything)
    ]
    assert idle == []
