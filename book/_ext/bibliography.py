"""Write reference/bibliography.md from references.bib.

To run it: ``python book/_ext/bibliography.py``. The page is plain Markdown with an HTML
anchor before each entry, so that a link such as
``../reference/bibliography.md#huber1964`` leads to it in the book, on GitHub and in
JupyterLab.
"""

from pathlib import Path

from pybtex.database import parse_file

BOOK = Path(__file__).resolve().parents[1]
BIBFILE = BOOK / "references.bib"
PAGE = BOOK / "reference" / "bibliography.md"

HEAD = """\
<!-- Written from ../references.bib by `python book/_ext/bibliography.py`: add entries
     there. To cite one, link to its key:
     [Huber, 1964](../reference/bibliography.md#huber1964). -->

# Bibliography

Every work that a chapter names, in the order of first author and year. The chapters
link here; `book/references.bib` in the repository holds the same entries for your own
papers.
"""


def initials(person):
    """Write a name as in ``Rumelhart, D. E.``."""
    given = [name[0] + "." for name in person.first_names + person.middle_names]
    family = " ".join(person.prelast_names + person.last_names)
    return ", ".join([family, " ".join(given)])


def authors(people):
    names = ["et al." if str(p) == "others" else initials(p) for p in people]
    if len(names) > 1 and names[-1] != "et al.":
        names[-1] = f"and {names[-1]}"
    return " ".join(names) if len(names) == 2 else ", ".join(names)


def source(fields):
    """Say where it appeared: journal, volume and pages; proceedings; or publisher."""
    if "journal" in fields:
        number = f"({fields['number']})" if "number" in fields else ""
        volume = f" {fields['volume']}{number}" if "volume" in fields else ""
        place = f"*{fields['journal']}*{volume}"
    elif "booktitle" in fields:
        place = f"In *{fields['booktitle']}*"
    else:
        place = fields.get("publisher") or fields["howpublished"]
        if "address" in fields:
            place = f"{fields['address']}: {place}"
    pages = f", {fields['pages'].replace('--', '–')}" if "pages" in fields else ""
    return place + pages + "."


def link(fields):
    if "doi" in fields:
        return f"[doi:{fields['doi']}](<https://doi.org/{fields['doi']}>)"
    return f"<{fields['url']}>" if "url" in fields else ""


def entry_to_markdown(key, entry):
    title = entry.fields["title"]
    title = f"*{title}*" if entry.type == "book" else title
    who = authors(entry.persons["author"])
    stop = "" if title.endswith("?") else "."
    text = f"{who} ({entry.fields['year']}). {title}{stop} {source(entry.fields)}"
    where = f"{entry.fields.get('note', '')} {link(entry.fields)}".strip()
    return f'- <a id="{key}"></a>{text} {where}'.rstrip()


def by_author(item):
    key, entry = item
    return str(entry.persons["author"][0]).lower(), entry.fields["year"], key


def page(bibfile=BIBFILE):
    entries = sorted(parse_file(str(bibfile)).entries.items(), key=by_author)
    return HEAD + "\n" + "\n".join(entry_to_markdown(*item) for item in entries) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
