"""The pictures of sliders and players, moved out of the page into files beside it.

A notebook carries all frames of a slider in its output, so that it needs nothing else;
on a page they were up to seven tenths of what a reader waited for, most of it never
looked at. Here a frame becomes a file, and ``frames.js`` fetches the frames of a slider
when somebody reaches for it.
"""

import base64
import hashlib
import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

PREFIX = "data:image/png;base64,"
WIDGET = re.compile(r'(?s)<div class="lb-frames".*?</script>\s*</div>')
FRAMES = re.compile(r'data-frames="([^"]*)"')
FIRST = re.compile(rf'src="{PREFIX}([^"]*)"')
# How the script of a slider (lossbook/_book/widgets.py) makes an address of a frame.
ADDRESS = f'"{PREFIX}" + frames[i]'

logger = logging.getLogger(__name__)


def write_frame(frame, folder):
    """Write one base64 PNG to a file named by what is in it; return the name."""
    picture = base64.b64decode(frame)
    name = f"frame-{hashlib.sha256(picture).hexdigest()[:24]}.png"
    path = folder / name
    if not path.exists():
        path.write_bytes(picture)
    return name


def move_out(widget, folder, address):
    """Return a slider whose frames are files in ``folder``, seen at ``address``."""

    def move(frame):
        return f"{address}/{write_frame(frame, folder)}"

    def move_all(match):
        return f'data-frames="{" ".join(map(move, match[1].split()))}"'

    widget = FRAMES.sub(move_all, widget)
    widget = FIRST.sub(lambda match: f'src="{move(match[1])}"', widget)
    return widget.replace(ADDRESS, "frames[i]")


def move_frames(app, doctree, docname):
    """Move the frames of every slider on a page."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / app.builder.imagedir
    address = relative_uri(app.builder.get_target_uri(docname), app.builder.imagedir)
    for raw in list(doctree.findall(nodes.raw)):
        html = raw.astext()
        if 'class="lb-frames"' not in html:
            continue
        if ADDRESS not in html:
            logger.warning(
                f"a slider's script does not say `{ADDRESS}`: its frames stay in the "
                "page; change ADDRESS here with lossbook/_book/widgets.py",
                location=docname,
                type="frames",
            )
            continue
        folder.mkdir(parents=True, exist_ok=True)
        moved = WIDGET.sub(lambda match: move_out(match[0], folder, address), html)
        raw.children = [nodes.Text(moved)]
        raw.rawsource = moved


def load_script(app, pagename, templatename, context, doctree):
    if 'class="lb-frames"' in context.get("body", ""):
        app.add_js_file("frames.js", loading_method="defer")


def setup(app):
    app.connect("doctree-resolved", move_frames)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
