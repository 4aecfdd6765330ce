"""The stored race of the MNIST chapter, its referee, and what was seen elsewhere."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import lossbook as lb
from benchmarks import mnist_race


def test_the_stored_race_has_every_recipe_with_three_seeds_or_more():
    race = lb.results.mnist_race()
    seeds = {name: set() for name in mnist_race.RECIPES}
    for run in race["runs"]:
        seeds[run["recipe"]].add(run["seed"])
    assert list(dict.fromkeys(r["recipe"] for r in race["runs"])) == list(seeds)
    assert min(map(len, seeds.values())) >= 3


def test_every_run_of_the_stored_race_ends_when_it_reaches_the_target():
    race = lb.results.mnist_race()
    for run in race["runs"]:
        epochs, seconds, accuracies = zip(*run["curve"], strict=True)
        assert accuracies[-1] >= race["target"] == mnist_race.TARGET
        assert all(accuracy < race["target"] for accuracy in accuracies[:-1])
        assert list(epochs) == sorted(epochs)
        assert list(seconds) == sorted(seconds)


def test_the_referees_clock_stands_still_while_it_reads_the_test_images(monkeypatch):
    now = 0.0
    monkeypatch.setattr(mnist_race, "time", SimpleNamespace(perf_counter=lambda: now))

    def slow():
        nonlocal now
        now += 100
        return np.array([0, 1, 1, 0])

    batch = mnist_race.CHECK // 2
    referee = mnist_race.Referee(np.array([0, 1, 1, 1]), slow, 4 * batch)
    referee.start()
    for _ in range(4):
        now += 1
        assert not referee.after(batch)
    assert [(epochs, accuracy) for epochs, _, accuracy in referee.curve] == [
        (0.5, 0.75),
        (1.0, 0.75),
    ]
    assert referee.seconds == 4


def test_the_referee_says_when_the_target_is_reached():
    referee = mnist_race.Referee(np.ones(4), lambda: np.ones(4), 60_000)
    referee.start()
    assert referee.after(mnist_race.CHECK)


def test_the_referee_looks_once_more_at_the_end_of_a_training():
    torch = pytest.importorskip("torch")
    n = mnist_race.CHECK + 64  # one full batch of the size of a check, and a rest
    network = torch.nn.Linear(1, 1)
    referee = mnist_race.Referee(np.ones(4), lambda: np.zeros(4), n)
    recipe = mnist_race.Recipe("torch", mnist_race.CHECK - 1, epochs=1)
    mnist_race.descend(
        *(recipe, network, lambda rows: network(torch.ones(1, 1)).sum(), referee),
        average=lambda: None,
    )
    ((epochs, _, accuracy),) = referee.curve
    assert accuracy == 0
    assert epochs == (mnist_race.CHECK - 1) / n


def test_an_image_is_seen_once_an_epoch_and_at_most_once_in_a_part_of_one():
    torch = pytest.importorskip("torch")
    recipe = mnist_race.Recipe("torch", batch=10, epochs=1.5)
    seen = torch.cat(list(mnist_race.batches_of(recipe, 100)))
    assert sorted(seen[:100].tolist()) == list(range(100))
    assert len(seen) == 150
    assert len(set(seen[100:].tolist())) == 50


def test_an_average_follows_the_network_by_its_share_each_step():
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(1, 1, bias=False)
    recipe = mnist_race.Recipe("torch", batch=1, epochs=1, averaged=0.75)
    judged, average = mnist_race.averaged_of(recipe, network)
    wanted = network.weight.item()
    for step in range(3):  # the first step sets it, as PyTorch's average does
        network.weight.data += 1
        average()
        wanted = (
            network.weight.item()
            if step == 0
            else wanted + 0.25 * (network.weight.item() - wanted)
        )
    one = torch.ones(1, 1)
    assert judged(one).item() == pytest.approx(wanted)
    assert (
        mnist_race.averaged_of(mnist_race.Recipe("torch", 1, 1), network)[0] is network
    )


def test_what_was_seen_elsewhere_has_a_version_and_a_script_that_pins_it():
    found = lb.results.elsewhere()
    width = len(found["boosting"]["columns"])
    assert all(len(row) == width and all(row) for row in found["boosting"]["rows"])
    table = Path(__file__).parents[2] / "findings" / "README.md"
    lines = table.read_text(encoding="utf-8").splitlines()
    scripts = [row for row in found["rows"] if "script" in row]
    assert len(scripts) >= 8
    for row in found["rows"]:
        assert row["expected"] and row["found"] and row["version"][0].isdigit()
    for row in scripts:
        (line,) = [x for x in lines if f"]({row['script']})" in x]
        assert f"{row['library']} {row['version']}" in line.split(" | ")[1].split(", ")
