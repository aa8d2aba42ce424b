"""What every learner must do, whichever library it stands for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from flyball.adapters.learners import open_learner
from flyball.core.learning.metrics import Floats, codes_of, roc_auc
from flyball.core.table import Column, Feature, Table, texts
from flyball.errors import BadFile, LearnerFailed
from flyball.ports import Learner

FEATURES = (Feature("amount"), Feature("age"), Feature("shop", "category"))
SHOPS = ("grocer", "jeweller", "online")

MAKERS: dict[str, Callable[[], Learner]] = {
    "lightgbm": lambda: open_learner("lightgbm", {"num_threads": 1, "num_iterations": 30}),
    "logistic": lambda: open_learner("sklearn.linear_model.LogisticRegression", {"max_iter": 500}),
    "hist-gradient": lambda: open_learner(
        "sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 15, "min_samples_leaf": 5}
    ),
}


@pytest.fixture(params=list(MAKERS.values()), ids=list(MAKERS), scope="module")
def learner(request: pytest.FixtureRequest) -> Learner:
    make: Callable[[], Learner] = request.param
    return make()


def world(count: int, seed: int = 0, classes: tuple[str, ...] = ("no", "yes")) -> tuple[Table, Column]:
    """Items whose class follows amount, age and shop, with gaps in all of them."""
    rng = np.random.default_rng(seed)
    amount, age = rng.normal(size=count), rng.normal(40, 10, size=count)
    shop = rng.integers(len(SHOPS), size=count)
    drive = amount * 2 + (age - 40) / 5 + (shop == 1) * 2 + rng.normal(size=count) * 0.5
    place = np.clip(np.floor((drive + 3) / 6 * len(classes)), 0, len(classes) - 1).astype(int)
    amount[rng.random(count) < 0.05] = np.nan
    shops = texts(None if rng.random() < 0.05 else SHOPS[code] for code in shop)
    return Table({"amount": amount, "age": age, "shop": shops}), texts(classes)[place]


def auc(scores: Floats, labels: Column, classes: tuple[str, ...]) -> float:
    return float(roc_auc(codes_of(labels, classes) == 1, scores[:, 1], np.ones(len(labels))))


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c")], ids=["two classes", "three classes"])
def test_scores_are_probabilities_in_the_order_of_the_classes(
    learner: Learner, classes: tuple[str, ...]
) -> None:
    table, labels = world(400, classes=classes)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    scores = model.scores(table)
    assert model.classes == classes
    assert scores.shape == (400, len(classes)) and scores.dtype == np.float64
    assert np.allclose(scores.sum(axis=1), 1) and np.all(scores >= 0)
    assert np.mean(texts(classes)[scores.argmax(axis=1)] == labels) > 0.7


def test_what_is_learned_holds_for_items_never_seen(learner: Learner) -> None:
    model = learner.fit(*world(600), None, FEATURES, seed=1)
    table, labels = world(600, seed=9)
    assert auc(model.scores(table), labels, model.classes) > 0.9


def test_the_same_arguments_give_the_same_bytes(learner: Learner) -> None:
    table, labels = world(300)
    weights = np.linspace(0.1, 1, 300)
    first, again = (learner.dump(learner.fit(table, labels, weights, FEATURES, seed=5)) for _ in range(2))
    assert first == again


def test_a_model_read_again_scores_as_it_did(learner: Learner) -> None:
    table, labels = world(300)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    again = learner.load(learner.dump(model))
    assert again.classes == model.classes
    assert np.array_equal(again.scores(table), model.scores(table))


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other"])
def test_a_damaged_model_is_refused_with_a_sentence(learner: Learner, damage: str) -> None:
    content = learner.dump(learner.fit(*world(100), None, FEATURES, seed=1))
    broken = {
        "cut": content[:-40],
        "changed": content[:-9] + b"X" + content[-8:],
        "empty": b"",
        "other": b'{"model":"abacus","content":"x"}\n',
    }[damage]
    with pytest.raises(BadFile, match=r"cannot be read|is of kind `abacus`"):
        learner.load(broken)


def test_an_unknown_category_is_a_missing_one(learner: Learner) -> None:
    table, labels = world(300)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    few = table.take(slice(0, 20))
    missing = model.scores(few.having(shop=texts([None] * 20)))
    assert np.array_equal(model.scores(few.having(shop=texts(["never seen"] * 20))), missing)


def test_gaps_in_every_feature_can_be_scored(learner: Learner) -> None:
    model = learner.fit(*world(300), None, FEATURES, seed=1)
    blank = Table({"amount": np.full(3, np.nan), "age": np.full(3, np.nan), "shop": texts([None] * 3)})
    assert np.allclose(model.scores(blank).sum(axis=1), 1)


def test_features_that_say_nothing_do_no_harm(learner: Learner) -> None:
    table, labels = world(300)
    idle = table.having(
        amount=np.full(300, np.nan), age=np.full(300, 7.0), shop=texts([None] * 300), flag=np.ones(300)
    )
    features = (*FEATURES, Feature("flag"))
    scores = learner.fit(idle, labels, None, features, seed=1).scores(idle)
    assert scores[:, 1] == pytest.approx(np.full(300, np.mean(labels == "yes")), abs=0.02)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [(["yes"] * 50, "only one class so far, `yes`"), ([], "no labels so far")],
    ids=["one class", "no labels"],
)
def test_nothing_can_be_learned_from_fewer_than_two_classes(
    learner: Learner, labels: list[str], complaint: str
) -> None:
    table, _ = world(len(labels))
    with pytest.raises(LearnerFailed, match=complaint):
        learner.fit(table, texts(labels), None, FEATURES, seed=1)


def test_a_handful_of_labels_is_enough_to_begin(learner: Learner) -> None:
    table, labels = world(12)
    labels[:2] = ["no", "yes"]
    scores = learner.fit(table, labels, None, FEATURES, seed=1).scores(table)
    assert np.allclose(scores.sum(axis=1), 1)


def test_weights_count(learner: Learner) -> None:
    table, labels = world(400)
    contrary = np.where(labels == "yes", "no", "yes").astype(object)
    both = Table({name: np.concatenate([table[name]] * 2) for name in table.names})
    weights = np.repeat([1.0, 0.01], 400)
    model = learner.fit(both, np.concatenate([labels, contrary]), weights, FEATURES, seed=1)
    assert auc(model.scores(table), labels, model.classes) > 0.9


def test_no_items_have_no_scores(learner: Learner) -> None:
    table, labels = world(100)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    assert model.scores(table.take(slice(0, 0))).shape == (0, 2)


def test_other_columns_and_their_order_do_not_matter(learner: Learner) -> None:
    table, labels = world(200)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    turned = table.select(["shop", "age", "amount"]).having(item=texts(["i"] * 200))
    assert np.array_equal(model.scores(turned), model.scores(table))


def test_a_missing_feature_is_named(learner: Learner) -> None:
    table, labels = world(100)
    with pytest.raises(LearnerFailed, match="lacks features that the model reads: age, shop"):
        learner.fit(table.select(["amount"]), labels, None, FEATURES, seed=1)
    model = learner.fit(table, labels, None, FEATURES, seed=1)
    with pytest.raises(LearnerFailed, match="lacks features that the model reads: shop"):
        model.scores(table.select(["amount", "age"]))


def test_a_number_that_is_none_is_named(learner: Learner) -> None:
    table, labels = world(100)
    with pytest.raises(LearnerFailed, match=r"feature `age` is declared a number, but .*old"):
        learner.fit(table.having(age=texts(["old"] * 100)), labels, None, FEATURES, seed=1)


def test_whole_numbers_and_flags_are_numbers(learner: Learner) -> None:
    table, labels = world(200)
    whole = table.having(age=table["age"].astype(np.int64), amount=table["amount"] > 0)
    assert learner.fit(whole, labels, None, FEATURES, seed=1).scores(whole).shape == (200, 2)


def test_the_arguments_are_left_as_they_were(learner: Learner) -> None:
    table, labels = world(100)
    before = {name: table[name].copy() for name in table.names}
    learner.fit(table, labels, np.ones(100), FEATURES, seed=1).scores(table)
    assert all(np.array_equal(table[name], before[name], equal_nan=name != "shop") for name in before)
