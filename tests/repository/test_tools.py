"""The tools that try the book out as a stranger would, where that needs no network."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import colab
import environments
import installed
import links

sys.path.pop(0)

ADDRESS = "https://github.com/somebody/somewhere"
ME = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(folder, *arguments, **variables):
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **ME, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """Return a repository with two commits, on a branch that is not called main."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "feature")
    for name in ("first", "second"):
        (folder / name).write_text(name)
        git(folder, "add", name)
        git(folder, "commit", "--quiet", "--message", name)
    return folder


@pytest.mark.parametrize("state", ["branch", "detached", "shallow"])
def test_the_public_address_leads_to_what_is_checked_out(checkout, tmp_path, state):
    if state == "detached":
        git(checkout, "checkout", "--quiet", "HEAD~1")
    if state == "shallow":
        shallow = tmp_path / "shallow"
        git(tmp_path, "clone", "--quiet", "--depth=1", checkout.as_uri(), str(shallow))
        checkout = shallow
    bare = tmp_path / "bare.git"
    commit = colab.serve(checkout, bare)
    variables = colab.redirect(ADDRESS, bare.as_uri())
    found = git(tmp_path, "ls-remote", ADDRESS, "refs/heads/main", **variables)
    assert found.split()[0] == commit
    git(tmp_path, "clone", "--quiet", "--branch=main", ADDRESS, "clone", **variables)
    for name in ("first", "second"):
        there = (tmp_path / "clone" / name).exists()
        assert there == (checkout / name).exists()
    # Of a shallow repository git 2.39 cannot make the partial clone that pip asks for:
    # it asks for the commit that is missing, again and again, without an end.
    assert not (bare / "shallow").exists()
    assert git(bare, "rev-list", "--count", "main") == "1"


def test_settings_that_git_was_given_before_are_kept(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    added = colab.redirect(ADDRESS, "file:///here")
    assert added["GIT_CONFIG_COUNT"] == "2"
    assert added["GIT_CONFIG_KEY_1"] == "url.file:///here.insteadOf"
    assert added["GIT_CONFIG_VALUE_1"] == ADDRESS


def test_a_folder_without_git_is_refused_and_the_message_says_what_is_needed(tmp_path):
    with pytest.raises(SystemExit, match="in a git checkout"):
        colab.serve(tmp_path, tmp_path / "bare.git")


def test_an_unknown_notebook_is_refused_and_the_message_names_one_that_exists():
    with pytest.raises(SystemExit, match=r"huberr\.ipynb is no notebook.*\.ipynb\."):
        colab.chosen(["book/math/huberr.ipynb"])
    assert colab.chosen([]) == colab.notebooks()


def test_a_setup_cell_that_changes_what_colab_has_at_hand_is_a_failure():
    wanted = f"lossbook @ git+{ADDRESS}@abc"
    before = {"numpy": "numpy==2.4.6"}
    after = {**before, "lossbook": wanted}
    assert colab.differences(before, after, wanted) == ""
    assert "no lossbook" in colab.differences(before, before, wanted)
    lower = {**after, "numpy": "numpy==1.26.4"}
    assert "numpy==2.4.6 to numpy==1.26.4" in colab.differences(before, lower, wanted)
    more = {**after, "tqdm": "tqdm==4.70.1"}
    assert "no tqdm to tqdm==4.70.1" in colab.differences(before, more, wanted)


def test_of_a_failure_the_cell_and_its_error_are_shown():
    said = "Traceback: ours\nAn error while executing the following cell:\nx = 1\n"
    assert colab.error_in(said + "\x1b[31mValueError\x1b[0m: no\n") == (
        "x = 1\nValueError: no"
    )
    assert colab.error_in("No module named nbclient") == "No module named nbclient"
    assert colab.error_in("") == "it ended without a word"


def test_what_leads_back_to_this_python_is_not_passed_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.setenv("LOSSBOOK_DATA", "data")
    variables = environments.variables(ADDED="1")
    assert "PYTHONPATH" not in variables and variables["ADDED"] == "1"
    assert variables["LOSSBOOK_DATA"] == os.path.abspath("data")


def test_an_environment_is_made_once_and_again_when_what_it_needs_changes(
    tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        environments.subprocess, "run", lambda command, **_: made.append(command)
    )
    monkeypatch.setattr(environments, "pip", lambda *_: "")
    for key in ("a", "a", "b"):
        environments.prepare(tmp_path, "numpy", key=key)
    assert len(made) == 2
    environments.prepare(tmp_path, "numpy", key="b", hours=0)
    environments.forget(tmp_path)
    environments.prepare(tmp_path, "numpy", key="b")
    assert len(made) == 4


def test_a_wheel_without_the_marker_of_types_or_a_part_of_the_package_is_refused():
    package = {"lossbook/__init__.py", "lossbook/py.typed", "lossbook/part/__init__.py"}
    sdist = {*package, "LICENSE", "README.md", "pyproject.toml"}
    names = {*package, "lossbook-0.1.0.dist-info/METADATA"}
    assert installed.faults(names, sdist, package) == []
    assert installed.faults(names - {"lossbook/py.typed"}, sdist, package) == [
        "not in the wheel: lossbook/py.typed"
    ]
    assert installed.faults(
        {*names, "tests/cases.py"}, {*sdist, "book/x"}, package
    ) == [
        "in the wheel, not in the package: tests/cases.py",
        "in the sdist without need: book/x",
    ]


class Site(BaseHTTPRequestHandler):
    """Answers with the status that stands in the path, and counts what is asked."""

    asked: list = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        status = int(self.path.strip("/").split("-")[0])
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        if status == 302:
            self.send_header("Location", "/404")
        self.end_headers()
        self.wfile.write(b"<p id='here'>text</p>")

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(links, "KEPT", tmp_path / "links.json")
    monkeypatch.setattr(Site, "asked", [])
    server = HTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(address):
    return links.ask(address, pause=0)


@pytest.mark.parametrize(
    ("path", "kind", "note"),
    [
        ("/200", "good", ""),
        ("/200#here", "good", ""),
        ("/200#there", "broken", "no #there on that page"),
        ("/403", "refused", "403 Forbidden"),
        ("/404", "broken", "404 Not Found"),
        ("/302", "broken", "404 Not Found"),
        ("/500", "broken", "500 Internal Server Error"),
    ],
)
def test_a_link_is_judged_by_what_its_server_answers(site, path, kind, note):
    assert ask(site + path) == links.Answer(site + path, kind, note)


def test_the_redirection_of_a_doi_is_enough_because_publishers_refuse_scripts(
    site, monkeypatch
):
    monkeypatch.setattr(links, "REGISTERS", ("127.0.0.1",))
    assert ask(site + "/302").kind == "good"
    assert ask(site + "/404").kind == "broken"


def test_good_links_are_not_asked_twice_a_day_and_broken_ones_are(site, capsys):
    where = {f"{site}/200": ["a.html"], f"{site}/404": ["b.html"]}
    assert links.check(where, ask) == 1
    assert links.check(where, ask) == 1
    assert Site.asked.count("/200") == 1 and Site.asked.count("/404") == 2
    assert f"BROKEN (404 Not Found): {site}/404 in b.html" in capsys.readouterr().out


def test_refused_links_alone_do_not_fail_the_check_but_are_named(site, capsys):
    where = {f"{site}/200": ["a.html"], f"{site}/403": ["b.html"]}
    assert links.check(where, ask) == 0
    assert f"look yourself (403 Forbidden): {site}/403" in capsys.readouterr().out


def test_without_a_network_the_check_fails_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(links, "KEPT", tmp_path / "links.json")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Port 9 of this machine: nobody listens there.
    where = {f"http://127.0.0.1:9/{number}": ["a.html"] for number in range(3)}
    assert links.check(where, ask) == 2
    assert "NO NETWORK?" in capsys.readouterr().out
    assert not links.KEPT.exists()


def test_the_links_of_a_page_are_those_of_its_text_without_its_menus(tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://menu.example">m</a><article><a href="https://text.example">'
        't</a><a href="other.html">o</a></article><a href="https://foot.example">f</a>'
    )
    found = links.links(tmp_path)
    assert found["https://text.example"] == ["page.html"]
    assert not {"https://menu.example", "https://foot.example"} & set(found)
    others = [files for address, files in found.items() if "text" not in address]
    assert others and all(files[0].endswith(".md") for files in others)
