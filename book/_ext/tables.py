"""Tables that a screen reader can read out: no header without words.

A Markdown table with an empty first heading has names in its first column. They become
headings of their rows, and the empty corner an ordinary cell.
"""

import re

from docutils import nodes

EMPTY_HEADING = re.compile(r"<th(?: [^>]*)?>(?:<p>)?\s*(?:</p>)?</th>")


def name_rows(app, doctree):
    """Mark the first column as headings where its own heading is empty."""
    for group in doctree.findall(nodes.tgroup):
        head = group.next_node(nodes.thead)
        corner = head.next_node(nodes.entry) if head else None
        if corner is not None and not corner.astext().strip():
            group.next_node(nodes.colspec)["stub"] = 1


def empty_corners(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = EMPTY_HEADING.sub("<td></td>", context["body"])


def setup(app):
    app.connect("doctree-read", name_rows)
    app.connect("html-page-context", empty_corners)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
