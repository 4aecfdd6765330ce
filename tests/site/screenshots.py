"""Pictures of pages for people to look at, on a desk and on a phone, light and dark.

    python -m tests.site.screenshots FOLDER [PAGE ...]

A page is named as in ``_toc.yml``; without names, all of them are taken.
"""

import argparse
from pathlib import Path

from . import built
from .conftest import Visit, open_page

SIZES = {1280: 900, 420: 860}


def take(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    with built.open_browser() as browser:
        for width, height in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    offline=True,
                )
                for name in names:
                    path = built.HTML / f"{name}.html"
                    page = open_page(context, path, Visit(name), width)
                    picture = f"{name.replace('/', '-')}-{width}-{scheme}.png"
                    page.screenshot(path=folder / picture, full_page=True)
                    page.close()
                context.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", nargs="*")
    asked = parser.parse_args()
    take(asked.folder, asked.page or [built.name_of(page) for page in built.pages()])


if __name__ == "__main__":
    main()
