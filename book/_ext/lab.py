"""The lab: tables to play at, drawn once while the book is built, then by their page.

``<div class="lab-panels" data-of="line">`` on a page becomes the first pictures of the
table ``line``, made by Node with the scripts that the page itself loads; so they are
there at once, on paper, and where no script runs. Only pages with a table load them.

A link to ``lab.md?loss=huber#line`` leads to the table with that setting, which
MyST would take for the name of a file. (Behind the ``#``, a script of the theme would
take it for a selector.)
"""

import json
import re
import subprocess
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from offline import D3, find_node
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

EXTENSIONS = Path(__file__).parent
SCRIPTS = EXTENSIONS.parent / "_static" / "lab"
# In this order. The tables need a page, which another script gives them, and contours.
TABLES = ("formulas", "plot", "line", "logits", "race")
# The moving picture of the first page.
HERO = ("formulas", "plot", "line", "hero")
PLACE = re.compile(r'<div class="lab-panels" data-of="(\w+)"></div>')
SETTING = re.compile(r"(.+\.md)\?(.+)#(.+)")

logger = logging.getLogger(__name__)


@cache
def stills():
    """Let Node draw; return {table: [[width, height, label, inner SVG], ...]}."""
    scripts = [*D3, *(SCRIPTS / f"{part}.js" for part in (*TABLES, "hero"))]
    run = subprocess.run(
        [find_node(), str(EXTENSIONS / "lab.js"), *map(str, scripts)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(run.stdout)


def panel(width, height, label, still):
    return (
        f'<div class="lab-panel"><svg class="lab-plot" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(label)}">'
        f'<g class="lab-still" aria-hidden="true">{still}</g></svg></div>'
    )


def panels(match):
    drawn = "".join(panel(*parts) for parts in stills()[match[1]])
    return f'<div class="lab-panels">{drawn}</div>'


def furnish(app, pagename, templatename, context, doctree):
    """Put the first pictures on a page that has places for them, and its scripts."""
    body = context.get("body", "")
    if app.builder.format != "html" or not PLACE.search(body):
        return
    context["body"] = PLACE.sub(panels, body)
    is_hero = PLACE.findall(body) == ["hero"]
    files = [] if is_hero else [f"vendor/{file.name}" for file in D3]
    files += [f"lab/{part}.js" for part in (HERO if is_hero else (*TABLES, "page"))]
    for file in files:
        app.add_js_file(file, loading_method="defer")


class Settings(SphinxPostTransform):
    """Lead links to a setting to their page, before MyST looks for such a file."""

    default_priority = 5

    def run(self):
        """Turn each link with a setting into a plain one."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            found = SETTING.fullmatch(link["reftarget"])
            if found:
                link.replace_self(self.lead(link, *found.groups()))

    def lead(self, link, path, setting, place):
        """Make the plain link; warn of a table that is not there."""
        page = self.env.path2doc(self.env.relfn2path(path, self.env.docname)[1])
        if place not in self.env.metadata.get(page, {}).get("myst_slugs", {}):
            logger.warning("no table %s on %s", place, path, location=link, type="lab")
        address = self.app.builder.get_relative_uri(self.env.docname, page)
        to = f"{address}?{setting}#{place}"
        return nodes.reference("", "", *link.children, refuri=to, internal=True)


def setup(app):
    app.connect("html-page-context", furnish)
    app.add_post_transform(Settings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
