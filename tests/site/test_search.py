"""The search field finds each name of the book on the page that teaches it."""

import importlib.util
import json
import re

import pytest
from sphinx.application import Sphinx

from . import built
from .conftest import Visit, open_page

pytestmark = pytest.mark.site

# What a reader types, and the page that teaches it.
TAUGHT = {
    "concepts/conventions": "sample_weight, from_logits, reduction, argument order, "
    "归约方式",
    "concepts/families-and-choosing": "families of losses, choosing by the data",
    "concepts/loss-cost-objective-metric": "accuracy, precision, recall, F1, "
    "cost function, optimizer, metric, 准确率",
    "concepts/losses-as-likelihoods": "heteroscedastic, learned variance, Poisson, "
    "negative log-likelihood, maximum likelihood, NLL, 最大似然",
    "concepts/regularization": "L1 penalty, lasso, ridge, elastic net, overfitting, "
    "objective, 正则化",
    "concepts/what-is-a-loss": "loss, loss function, error function, 损失函数, 损失",
    "math/absolute-and-robust": "influence function, pinball, quantile, quantile loss, "
    "Barron, adaptive robust, Huber, MAE, log-cosh, subgradient, 分位数",
    "math/adversarial": "gradient penalty, GAN minimax, minimax, Wasserstein, "
    "softplus, non-saturating, Jensen-Shannon, vanishing gradient",
    "math/backpropagation": "chain rule, automatic differentiation, "
    "finite differences, 反向传播",
    "math/cross-entropy": "KL divergence, entropy floor, log loss, Brier score, "
    "binary cross-entropy, nats, proper score, 交叉熵, KL 散度",
    "math/imbalance-and-many-labels": "temperature scaling, label smoothing, "
    "label_smoothing, focal loss, pos_weight, class weights, class_weight, "
    "calibration, class imbalance, multi-label, 温度缩放, 标签平滑",
    "math/logits-and-stability": "log-sum-exp, logsumexp, softmax twice, NaN, "
    "overflow, sigmoid, softmax, logits",
    "math/margins": "hinge, hinge loss, squared hinge, surrogate loss, "
    "support-vector machine, SVM, zero-one loss, 0-1 loss, 合页损失",
    "math/masks": "Dice, Jaccard, Tversky, Lovász, IoU, intersection over union",
    "math/mean-squared-error": "(n,) against (n, 1), MSE, RMSE, gradient, 梯度",
    "math/ranking": "WARP, BPR, InfoNCE, triplet, AUC, NDCG, ranking loss",
    "optimizers/adaptive-methods": "bias correction, weight decay, weight_decay, "
    "AdamW, Adam, AdaGrad, RMSProp, epsilon",
    "optimizers/after-adam": "Lion, Muon, gradient clipping, 梯度裁剪",
    "optimizers/gradient-descent": "condition number, learning rate, local minima, "
    "Hessian, saddle, saddle point, 学习率",
    "optimizers/learning-rates": "learning rate range test, one-cycle, warm-up, "
    "warmup, learning-rate schedule, cosine",
    "optimizers/momentum": "momentum, Nesterov, 动量",
    "optimizers/sgd-and-mini-batches": "SGD, mini-batch, batch size, epoch",
    "projects/at-scale": "ignore_index, mean of means, gradient accumulation, "
    "mixed precision, loss scale, loss scaling, all-reduce, data parallel",
    "projects/gan": "mode collapse, 模式崩溃",
    "projects/house-prices": "conformal, coverage, quantile regression",
    "projects/language-model": "perplexity, bits per character, 困惑度",
    "projects/mnist": "confusion matrix",
    "projects/mnist-wrong-loss": "one-hot",
    "projects/multi-task": "uncertainty weighting, conflicting gradients",
    "projects/xor": "XOR, logistic regression",
    "reference/field-guide": "early stopping, stuck at ln K, stuck at log K, "
    "negative loss, zero_grad",
}
NOT_IN_BRACKETS = re.compile(r", (?![^(]*\))")
QUERIES = [
    (query, page)
    for page, queries in TAUGHT.items()
    for query in NOT_IN_BRACKETS.split(queries)
]
FIND = """queries => queries.map(query =>
    Search._performSearch(...Search._parseQuery(query)).reverse().slice(0, 5))"""


@pytest.fixture(scope="module")
def find(offline, html):
    """Return a function: queries to their first five results, best first."""
    page = offline.new_page()
    page.goto((html / "search.html").as_uri())
    page.wait_for_function("Search.hasIndex()")
    yield lambda queries: page.evaluate(FIND, list(queries))
    page.close()


def load_terms():
    script = built.ROOT / "book" / "_ext" / "search_terms.py"
    spec = importlib.util.spec_from_file_location("search_terms", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_name_is_found_on_the_page_that_teaches_it_first_or_second(find):
    assert len(QUERIES) > 100
    results = find(query for query, _ in QUERIES)
    missed = {
        query: [result[0] for result in found[:2]]
        for (query, page), found in zip(QUERIES, results, strict=True)
        if f"book/{page}" not in [result[0] for result in found[:2]]
    }
    assert missed == {}


def test_what_the_first_page_promises_of_the_search_is_true(find):
    text = (built.ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    promise = re.search(r"type (.*?) into the search field", text, re.DOTALL)[1]
    queries = [query.replace("\n", " ") for query in re.findall(r"`(.+?)`", promise)]
    assert len(queries) >= 3
    for query, found in zip(queries, find(queries), strict=True):
        # A section, not a page, and not one of the pages that only list things.
        assert found[0][2] and "intro" not in found[0][0], query
        assert (query, found[0][0].removeprefix("book/")) in QUERIES, query


def test_every_name_of_the_glossary_leads_to_its_section(find, html):
    terms = load_terms().read_glossary(
        (built.ROOT / "book/reference/glossary.md").read_text(encoding="utf-8")
    )
    names = [(name, page) for page, rows in terms.items() for name, _ in rows]
    assert len(names) > 300
    results = find(name for name, _ in names)
    missed = {
        name: [result[0] for result in found[:2]]
        for (name, page), found in zip(names, results, strict=True)
        if not any(result[0] == page and result[2] for result in found[:2])
    }
    assert missed == {}


def test_lists_of_names_come_after_the_chapters(find):
    lists = ("glossary", "bibliography", "errata", "notation", "faq", "intro")
    for (query, _), found in zip(QUERIES, find(q for q, _ in QUERIES), strict=True):
        first = found[0][0].removeprefix("book/").removeprefix("reference/")
        assert first not in lists, query


def test_a_result_names_chapter_and_section_and_leads_there(offline, html):
    visit = Visit("search")
    page = offline.new_page()
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.goto((html / "search.html").as_uri() + "?q=perplexity")
    hit = page.locator("#search-results li a").first
    hit.wait_for(timeout=5_000)
    assert re.fullmatch(
        r"\d+\. A language model.* > Bits per character and perplexity.*",
        hit.inner_text(),
    )
    hit.click()
    page.wait_for_url("**/language-model.html*#bits-per-character*", timeout=5_000)
    assert visit.errors == []
    page.close()


def test_the_search_starts_from_the_field_of_any_page(offline, html):
    page = open_page(offline, html / "book" / "intro.html", Visit("intro"))
    page.locator("button.search-button-field:visible").first.click()
    field = page.locator("input[name=q]:visible").first
    field.fill("temperature scaling")
    field.press("Enter")
    hit = page.locator("#search-results li a[href*=temperature-scaling]")
    hit.first.wait_for(timeout=5_000)
    page.close()


def test_the_rows_of_the_glossary_are_read_whole():
    terms = load_terms()
    row = (
        '| <a id="a"></a>**`a`** (b-c, (n, 1)) | 甲 乙 | Is (so). ([x](../m/p.md#s)) |'
    )
    assert terms.read_glossary(row) == {
        "book/m/p": [("a", "s"), ("b-c", "s"), ("(n, 1)", "s"), ("甲 乙", "s")]
    }
    in_code = '| <a id="a"></a>**`a`** | Is. ([x](p.ipynb#s)) |'
    assert terms.read_glossary(in_code) == {"book/reference/p": [("a", "s")]}
    assert terms.read_glossary('| <a id="a"></a>**a** | 甲 | Is. |') == {}


def build_small_book(folder):
    """Build pages that changed, as Sphinx does, and return the names in the index."""
    config = {"extensions": ["myst_parser", "search_terms"], "myst_heading_anchors": 3}
    app = Sphinx(
        folder, None, folder / "out", folder / "trees", "html", config, status=None
    )
    app.build()
    index = (folder / "out" / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(re.search(r'"indexentries": (\{.*?\})', index)[1])


def test_a_second_build_knows_the_names_of_pages_that_did_not_change(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(built.ROOT / "book" / "_ext")
    row = '| <a id="{0}"></a>**{0}** | {1} | Is. ([x](../{0}.md#part)) |\n'
    glossary = tmp_path / "book" / "reference" / "glossary.md"
    glossary.parent.mkdir(parents=True)
    for name in ("margin", "logit"):
        page = "# Page\n\n## Part\n\nText.\n"
        (tmp_path / "book" / f"{name}.md").write_text(page, encoding="utf-8")
    (tmp_path / "index.md").write_text(
        "# Book\n\n```{toctree}\n:glob:\n\nbook/*\nbook/reference/*\n```\n",
        encoding="utf-8",
    )
    head = "# Glossary\n\n| a | b | c |\n|---|---|---|\n"
    glossary.write_text(head + row.format("margin", "间隔"), encoding="utf-8")
    assert set(build_small_book(tmp_path)) == {"margin", "margins", "间隔"}
    more = head + row.format("margin", "间隔") + row.format("logit", "对数几率")
    glossary.write_text(more, encoding="utf-8")
    both = {"margin", "margins", "间隔", "logit", "logits", "对数几率"}
    assert set(build_small_book(tmp_path)) == both
    glossary.write_text(head + row.format("logit", "对数几率"), encoding="utf-8")
    assert set(build_small_book(tmp_path)) == {"logit", "logits", "对数几率"}
