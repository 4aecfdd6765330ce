"""A warm build notices all that its pages are made of, and forgets a build that failed.

Sphinx reads a page again when its source has changed. It does not look at the styles
and scripts in ``html_static_path``, at the code of a local extension, or at the menus
of the pages beside one whose title has changed. It does look at its settings, so sums
over those files are two of them: where ``fresh_looks`` has changed, all pages are
written again; where ``fresh_code`` has, they are read again, too.
"""

import hashlib
from pathlib import Path

EXTENSIONS = Path(__file__).parent


def fingerprint(paths):
    """Sum up the names and contents of files, and of all files in folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in [path, *sorted(path.rglob("*"))]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.name} {file.stat().st_size} ".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def sum_up(app, config):
    root = Path(app.srcdir)
    code = [EXTENSIONS, root / "_config.yml", root / "constraints.txt"]
    looks = [root / folder for folder in config.html_static_path]
    config.fresh_code = fingerprint(code)
    config.fresh_looks = fingerprint([*code, *looks, root / "package-lock.json"])


def write_menus(app, env):
    """Write all pages again when a menu has changed: each shows all titles."""
    titles = {name: env.titles[name].astext() for name in env.titles}
    menus = {name: tree.astext() for name, tree in env.tocs.items()}
    shown = (titles, menus, env.toctree_includes, env.toc_secnumbers)
    if getattr(env, "fresh_menus", shown) != shown:
        env.fresh_menus = shown
        return sorted(env.found_docs)
    env.fresh_menus = shown
    return []


def remove_pages(app, env, added, changed, removed):
    """Take away the pages whose source is gone."""
    for name in removed:
        Path(app.builder.get_outfilename(name)).unlink(missing_ok=True)
    return []


def marker(app):
    return Path(app.doctreedir) / "unfinished"


def forget_interrupted(app, config):
    """Begin anew after a build that was killed: some of its pages may be old."""
    if marker(app).exists():
        forget(app)
    marker(app).parent.mkdir(parents=True, exist_ok=True)
    marker(app).touch()


def forget(app):
    (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def finish(app, exception):
    """Forget a build with warnings, so that the next one gives them again.

    Sphinx warns only of what it reads: after a failure under ``-W``, a second build
    would find nothing to do and call that a success. It turns the count of warnings
    into an exit status only after this event.
    """
    if exception or app._warncount:
        forget(app)
    marker(app).unlink(missing_ok=True)


def setup(app):
    app.add_config_value("fresh_code", "", "env")
    app.add_config_value("fresh_looks", "", "html")
    app.connect("config-inited", sum_up)
    app.connect("config-inited", forget_interrupted)
    app.connect("env-get-outdated", remove_pages)
    app.connect("env-updated", write_menus)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
