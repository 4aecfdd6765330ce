"""Links to ``page.md#name`` work for ``<a id="name"></a>``, not for headings alone.

Plain HTML anchors are the one kind that GitHub, JupyterLab and the built page all
follow. MyST checks such links against the headings of the page they point to, so the
anchors are added to its list; a link to an anchor that does not exist still stops the
build.
"""

import re

from docutils import nodes

ANCHOR = re.compile(r'<a id="([^"]+)"')


def anchors_of(doctree):
    """List every name in ``<a id="name">`` on a page."""
    return [
        name
        for raw in doctree.findall(nodes.raw)
        for name in ANCHOR.findall(raw.astext())
    ]


def register(app, doctree):
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for name in anchors_of(doctree):
        slugs.setdefault(name, (None, name, name))


def setup(app):
    app.connect("doctree-read", register)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
