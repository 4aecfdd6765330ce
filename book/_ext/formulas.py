"""Formulas as HTML, written while the book is built: KaTeX, run by Node.

sphinxcontrib-katex does the same through a server on a socket. Here one child answers
on a pipe: nothing to wait for, nothing left running when a build is stopped, and a
formula that KaTeX refuses is a warning with its page and line.
"""

import json
import re
import subprocess
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from offline import KATEX, find_node
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

SCRIPT = Path(__file__).with_name("formulas.js")

# A browser may break a line beside a formula, even before the mark that ends a clause.
# The last piece of a formula is put between these, to be held together with its mark.
MARKS = ",.;:!?)"
OPEN, CLOSE = "<!--together-->", "<!--/together-->"
PIECE = '<span class="base">'
AFTER_PIECE = "</span></span></span>"
BEFORE_PIECE = (
    '<span class="math"><span class="katex">'
    '<span class="katex-html" aria-hidden="true">'
)
TOGETHER = re.compile(f"{OPEN}(.*?){CLOSE}([{MARKS}]+)", re.DOTALL)

logger = logging.getLogger(__name__)


class FormulaError(ValueError):
    """KaTeX could not read a formula."""


@cache
def katex():
    """Start the one Node process of this build."""
    return subprocess.Popen(
        [find_node(), str(SCRIPT), str(KATEX / "katex.min.js")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


@cache
def render(latex, display):
    process = katex()
    process.stdin.write(json.dumps({"latex": latex, "displayMode": display}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise FormulaError(answer["error"])
    return answer["html"]


def render_or_warn(node, display):
    try:
        return render(node.astext(), display)
    except FormulaError as error:
        logger.warning("%s", error, location=node, type="formulas")
        return f"<code>{escape(node.astext())}</code>"


def is_followed_by_mark(node):
    after = node.next_node(nodes.Text, descend=False, siblings=True)
    return after is not None and after.startswith(tuple(MARKS))


def mark_last(html):
    """Mark what the sign after a formula must not part from: its last piece."""
    if html.count(PIECE) <= 1:
        return OPEN + html + CLOSE
    first, _, last = html.rpartition(PIECE)
    return first + AFTER_PIECE + OPEN + BEFORE_PIECE + PIECE + last + CLOSE


def visit_inline(translator, node):
    html = render_or_warn(node, display=False)
    html = translator.starttag(node, "span", "", CLASS="math") + html + "</span>"
    translator.body.append(mark_last(html) if is_followed_by_mark(node) else html)
    raise nodes.SkipNode


def hold_together(app, page, template, context, doctree):
    if "body" in context:
        held = r'<span class="lb-together">\1\2</span>'
        context["body"] = TOGETHER.sub(held, context["body"])


def visit_block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append(render_or_warn(node, display=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer(
        "katex",
        inline_renderers=(visit_inline, None),
        block_renderers=(visit_block, None),
    )
    app.connect("html-page-context", hold_together)
    app.add_css_file("vendor/katex/katex.min.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
