"""The search field knows the glossary: each name leads to the section that shows it.

Sphinx's search finds words of a page and names of headings. That "perplexity" is taught
under bits per character, or that 困惑度 is the same thing, only the glossary knows: its
rows hold the names, in English, in Chinese and in code, and a link to the section. Each
becomes an index entry of that section, which the search puts before all other finds
(``search_scorer.js``). Nothing is shown on the pages.
"""

import posixpath
import re
from collections import defaultdict
from pathlib import Path

from sphinx import addnodes
from sphinx.util.index_entries import split_index_msg

GLOSSARY = "book/reference/glossary"
# | <a id="x"></a>**name** (other, names) | 中文 | meaning ([page](x.ipynb#part)) |
ROW = re.compile(r'^\| <a id="[^"]+"></a>\*\*(?P<name>.+?)\*\*(?P<rest>.*) \|$', re.M)
OTHERS = re.compile(r"^ \((?P<names>[^|]*)\) \|")
COMMA = re.compile(r", (?![^(]*\))")  # not the one in `(n, 1)`
LINK = re.compile(r"\(\[[^\]]+\]\((?P<page>[^)#]+)#(?P<section>[^)]+)\)\)$")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def names_in(row):
    """List all names in a row of the glossary: its own, the others', the Chinese."""
    others = OTHERS.match(row["rest"])
    names = [row["name"], *(COMMA.split(others["names"]) if others else [])]
    chinese = row["rest"].split(" | ")[1]
    names += [chinese] if CHINESE.search(chinese) else []
    return [name.replace("`", "").strip() for name in names]


def spellings(name):
    """Return a name as it stands, and its plural where it is a word in letters."""
    if not name[-1].isascii() or not name[-1].islower() or name.endswith("s"):
        return [name]
    return [name, f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"]


def read_glossary(text):
    """Return ``{page: [(name, section), ...]}`` for all rows that lead somewhere."""
    terms = defaultdict(list)
    for row in ROW.finditer(text):
        link = LINK.search(row["rest"])
        if link:
            path = posixpath.join(posixpath.dirname(GLOSSARY), link["page"])
            page = posixpath.splitext(posixpath.normpath(path))[0]
            terms[page] += [(name, link["section"]) for name in names_in(row)]
    return dict(terms)


def find_changed(app, env, added, changed, removed):
    """Read the glossary, and name the pages whose terms are not those of last time."""
    text = Path(env.doc2path(GLOSSARY)).read_text(encoding="utf-8")
    last, env.search_terms = getattr(env, "search_terms", {}), read_glossary(text)
    pages = last.keys() | env.search_terms.keys()
    return [p for p in pages if last.get(p) != env.search_terms.get(p)]


def add_entries(app, doctree):
    """Give a page an index entry for each term that one of its sections shows."""
    env = app.env
    slugs = env.metadata[env.docname].get("myst_slugs", {})
    entries = [
        ("single", spelling, slugs[section][1], "main", None)
        for name, section in env.search_terms.get(env.docname, [])
        if section in slugs  # MyST warns of a link to a section that does not exist
        for spelling in spellings(name)
    ]
    if entries:
        doctree.append(addnodes.index(entries=entries))
        env.get_domain("index").process_doc(env, env.docname, doctree)


def keep_entries(app, env):
    """Hand the search all entries, those of pages that are not written again too.

    Sphinx 7 makes them anew for the pages that it writes, and forgets the others.
    """
    for docname, entries in env.get_domain("index").entries.items():
        env._search_index_index_entries[docname] = sorted(
            {
                (part, target or "", main)
                for kind, value, target, main, _ in entries
                for part in split_index_msg(kind, value)
            }
        )


def setup(app):
    app.connect("env-get-outdated", find_changed)
    app.connect("env-updated", keep_entries)
    # After MyST and anchors.py have written down which sections there are.
    app.connect("doctree-read", add_entries, priority=900)
    # Raise the version when the entries change: Sphinx then reads all pages anew.
    return {
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
