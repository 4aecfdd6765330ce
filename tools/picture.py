"""Take the README's picture of the book, as the built pages show it now."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.site import built  # noqa: E402
from tests.site.conftest import Visit, open_page  # noqa: E402

PAGE = "math/mean-squared-error"
PICTURE = ROOT / "book/_static/page.png"
WIDTH, HEIGHT = 1280, 1290


def main() -> int:
    path = built.HTML / "book" / f"{PAGE}.html"
    with built.open_browser() as browser:
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, offline=True
        )
        page = open_page(context, path, Visit(PAGE), WIDTH)
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        taken = Image.open(io.BytesIO(page.screenshot()))
    # 64 colours are a third of the bytes, and nobody sees the difference.
    taken.convert("RGB").quantize(64).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
