"""The workflows of GitHub, which nothing here can run: what can be read in them."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
PATHS = sorted(FOLDER.glob("*.yml"))
every_workflow = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
PINNED = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PYTHONS = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(name):
    return read(FOLDER / f"{name}.yml")["jobs"]


def steps(path, action):
    found = [step for job in read(path)["jobs"].values() for step in job["steps"]]
    return [step for step in found if step.get("uses", "").startswith(f"{action}@")]


def pythons(job):
    """Return the versions of Python that a job runs on."""
    (setup,) = (s for s in job["steps"] if "python-version" in s.get("with", {}))
    version = setup["with"]["python-version"]
    if version == "${{ matrix.python }}":
        return job["strategy"]["matrix"]["python"]
    return [version]


def test_there_is_a_workflow_for_each_occasion():
    assert [path.stem for path in PATHS] == ["newest", "pages", "release", "tests"]


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path):
    lines = [s for s in path.read_text("utf-8").splitlines() if "uses:" in s]
    assert lines
    for line in lines:
        assert PINNED.search(line), f"{line.strip()}: name 40 digits and # vX.Y.Z"


def test_an_action_has_one_version_everywhere():
    found = {match for path in PATHS for line in path.read_text("utf-8").splitlines()
             for match in PINNED.findall(line)}  # fmt: skip
    names = [name for name, _, _ in found]
    assert sorted(names) == sorted(set(names))


@every_workflow
def test_a_workflow_may_read_and_a_job_says_what_it_may_write(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    writes = {
        name: sorted(key for key, may in job["permissions"].items() if may == "write")
        for name, job in workflow["jobs"].items()
        if "permissions" in job
    }
    allowed = {
        "pages": {"deploy": ["id-token", "pages"]},
        "release": {"publish": ["id-token"], "attach": ["contents"]},
    }
    assert writes == allowed.get(path.stem, {})


@every_workflow
def test_what_may_write_runs_nothing_that_was_installed_or_checked_out(path):
    for job in read(path)["jobs"].values():
        if "permissions" in job:
            said = yaml.safe_dump(job["steps"])
            assert not re.search(r"checkout|\bpip\b|\bmake\b|\bpython\b", said)


@every_workflow
def test_every_job_has_an_end_and_a_system_with_a_version(path):
    for name, job in read(path)["jobs"].items():
        assert 0 < job["timeout-minutes"] <= 90, name
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]), name


@every_workflow
def test_a_newer_run_ends_the_older_one_except_in_the_middle_of_a_release(path):
    concurrency = read(path)["concurrency"]
    assert concurrency["group"]
    assert concurrency["cancel-in-progress"] is (path.stem != "release")


@every_workflow
def test_a_checkout_leaves_no_credentials_behind(path):
    found = steps(path, "actions/checkout")
    assert found
    assert all(step["with"]["persist-credentials"] is False for step in found)


@every_workflow
def test_no_text_from_outside_becomes_part_of_a_command(path):
    for job in read(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


@every_workflow
def test_every_target_that_is_called_exists(path):
    called = set(re.findall(r"\bmake ([a-z]+)", path.read_text(encoding="utf-8")))
    assert called <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def test_each_push_is_tested_on_every_python_that_pyproject_names():
    assert f'requires-python = ">={PYTHONS[0]}"' in PROJECT
    tested = jobs("tests")
    ran = {version for job in tested.values() for version in pythons(job)}
    assert sorted(ran, key=lambda v: int(v[2:])) == PYTHONS
    assert pythons(tested["oldest"]) == PYTHONS[:1]


def test_the_newest_versions_are_tested_on_every_python():
    assert pythons(jobs("newest")["newest"]) == PYTHONS


def test_the_makefile_refuses_the_pythons_on_which_the_book_cannot_be_built():
    floor = re.search(r"sys\.version_info >= \(3, (\d+)\)", MAKEFILE)[1]
    by_make = {
        version
        for job in jobs("tests").values()
        if "make " in yaml.safe_dump(job["steps"])
        for version in pythons(job)
    }
    assert sorted(by_make)[0] == f"3.{floor}"


def test_a_tag_is_held_against_the_version_before_anything_is_built():
    build = [step["run"] for step in jobs("release")["build"]["steps"] if "run" in step]
    assert build[:2] == ['make release TAG="$GITHUB_REF_NAME"', "make wheel"]
    assert jobs("release")["publish"]["needs"] == "build"
    assert jobs("release")["publish"]["environment"]["name"] == "pypi"


def test_dependabot_looks_after_whatever_is_pinned():
    updates = read(ROOT / ".github/dependabot.yml")["updates"]
    kinds = {update["package-ecosystem"] for update in updates}
    assert kinds == {"github-actions", "pip", "npm"}
    assert all(update["groups"] for update in updates)


def test_the_hooks_before_a_commit_check_what_make_lint_checks():
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in repo["hooks"]]
    recipe = MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0]
    recipe = re.sub(r"\s+", " ", recipe.replace("\\\n", " ")).replace(
        "$(BIN)", ".venv/bin"
    )
    recipe = recipe.replace("format --check", "format")
    assert len(entries) == recipe.count(".venv/bin/")
    for entry in entries:
        assert entry in recipe
