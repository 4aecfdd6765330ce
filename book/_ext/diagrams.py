"""```mermaid fences as diagrams, drawn by one plain script.

The Mermaid extension for Sphinx loads an ES module, which no browser takes from
``file://``; this one writes the source into the page and lets ``diagrams.js`` draw it.
Pages without a diagram load neither that nor Mermaid.
"""

import re
from html import escape
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.util import logging

# Mermaid's own words for people who cannot see the picture.
ACCESSIBLE_TEXT = re.compile(
    r"^\s*acc(?:Title|Descr)\s*(?::\s*(?P<line>.+)|\{(?P<block>[^}]*)\})", re.M
)

logger = logging.getLogger(__name__)


class diagram(nodes.General, nodes.Element):
    """One Mermaid diagram: ``code`` and the ``text`` that stands for it."""


def accessible_text(code):
    """Read what ``accTitle`` and ``accDescr`` in a diagram's source say."""
    parts = (
        match["line"] or match["block"] for match in ACCESSIBLE_TEXT.finditer(code)
    )
    return ". ".join(" ".join(part.split()).rstrip(".") for part in parts)


class Mermaid(Directive):
    """A fence with a diagram in it, which a caption can follow."""

    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged,
        "caption": directives.unchanged,
    }

    def run(self):
        """Make a figure of the fence, and warn where nobody can hear what it shows."""
        code = "\n".join(self.content)
        caption = self.options.get("caption", "")
        text = self.options.get("alt") or accessible_text(code) or caption
        figure = nodes.figure("", diagram(code=code, text=text), classes=["lb-diagram"])
        figure.source, figure.line = self.state_machine.get_source_and_line(self.lineno)
        if not text:
            logger.warning(
                "this diagram says nothing to a reader who cannot see it: add a line "
                "`accTitle: …` or `accDescr: …` to its source",
                location=figure,
                type="diagrams",
            )
        if caption:
            children, _ = self.state.inline_text(caption, self.lineno)
            figure += nodes.caption(caption, "", *children)
        return [figure]


def visit_html(translator, node):
    # The outer box scrolls and can be reached (reach.js); the inner one is a picture,
    # and what is inside a picture cannot be reached.
    translator.body.append(
        '<div class="lb-scroll" data-holds="Diagram">'
        f'<div class="lb-mermaid" role="img" aria-label="{escape(node["text"])}">'
        f"<pre>{escape(node['code'])}</pre></div></div>\n"
    )
    raise nodes.SkipNode


def visit_text(translator, node):
    translator.add_text(node["text"])
    raise nodes.SkipNode


def load_script(app, pagename, templatename, context, doctree):
    """Mermaid is 2.7 MB: only pages with a diagram have the script that fetches it."""
    if doctree is not None and next(doctree.findall(diagram), None) is not None:
        app.add_js_file("diagrams.js", loading_method="defer")


def setup(app):
    app.add_node(diagram, html=(visit_html, None), text=(visit_text, None))
    app.add_directive("mermaid", Mermaid)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
