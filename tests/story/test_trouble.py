"""What goes wrong while a loop runs: it is said, nothing is lost, and the rest goes on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.loops import DAY, RULES, little, play
from tests.promises import account_of, broken, unfinished
from tests.shops import BUDGET, alerts, kept, opened, shop, write_shop

from flyball.adapters.stream import open_stream
from flyball.bootstrap import App, settings_of, simulate
from flyball.core.facts import (
    BatchReleased,
    ItemsArrived,
    ItemsRefused,
    Looked,
    RulesLoaded,
    RulesRefused,
    RunFailed,
)

HOUR = 3600.0


# --- streams --------------------------------------------------------------------------------------


def test_labels_of_one_class_train_nothing_and_stop_nobody(tmp_path: Path) -> None:
    app = opened(write_shop(tmp_path, shop().assign(label="no")))
    play(app)
    count = kept(app)
    assert app.notes == ("every label is no: nothing can be learned until there is another class",)
    assert count["model-trained"] == 0
    assert count["batch-settled"] == count["batch-released"] > 5
    assert count["label-settled"] == count["answer-given"] == 180
    assert unfinished(account_of(app.tools.store)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["missing", "infinite"])
def test_features_without_a_single_number_are_said_and_the_loop_goes_on(value: float, tmp_path: Path) -> None:
    app = opened(write_shop(tmp_path, shop().assign(a=value, b=value)))
    play(app)
    assert app.notes == ("feature a is empty in every row", "feature b is empty in every row")
    assert kept(app)["model-trained"] > 5
    assert unfinished(account_of(app.tools.store)) == []


def test_an_item_that_comes_twice_is_taken_once_and_the_second_is_refused_by_name(tmp_path: Path) -> None:
    items = shop()
    twice = pd.concat([items, items.iloc[290:300]]).sort_values("time", kind="stable")
    app = opened(write_shop(tmp_path, twice))
    play(app)
    kept(app)
    account = account_of(app.tools.store)
    assert app.notes == (
        "10 rows have an item id that came before; the first stands, the others are refused",
    )
    assert sum(arrived.count for arrived in account.of(ItemsArrived)) == 600
    assert sum(refused.count for refused in account.of(ItemsRefused)) == 10
    assert "item-290" in account.of(ItemsRefused)[0].examples


HALF_A_SHOP = """
from tests.shops import shop

def items():
    whole = shop(4000)
    for first in range(0, 3000, 500):
        yield whole.iloc[first : first + 500]
    raise ConnectionError("the till is closed")
"""


def test_a_source_that_breaks_half_way_stops_the_items_and_not_the_people(tmp_path: Path) -> None:
    (tmp_path / "half_a_shop.py").write_text(HALF_A_SHOP)
    app = opened(write_shop(tmp_path, source="half_a_shop:items"))
    play(app, 6 * DAY)
    count = kept(app)
    assert 2000 <= app.tools.state.arrived <= 3000
    assert "half_a_shop:items raised ConnectionError: the till is closed" in alerts(app)["lane-ingest"]
    assert count["batch-settled"] == count["batch-released"] > 0
    assert count["model-trained"] > 0
    assert account_of(app.tools.store).of(Looked)[-1].due > app.clock.now() - 2 * HOUR


# --- learners -------------------------------------------------------------------------------------


LEARNERS = {
    "fit_throws": """
        class Mine:
            def fit(self, X, y): raise ZeroDivisionError("no")
            def predict_proba(self, X): return None
        """,
    "fit_throws_at_times": """
        import numpy as np
        class Mine:
            trainings = 0
            def fit(self, X, y):
                Mine.trainings += 1
                if Mine.trainings % 3 == 0: raise ValueError("every third")
                return self
            def predict_proba(self, X): return np.full((len(X), 2), 0.5)
        """,
    "scoring_throws": """
        class Mine:
            def fit(self, X, y): return self
            def predict_proba(self, X): raise RuntimeError("cannot")
        """,
    "scoring_gives_nonsense": """
        import numpy as np
        class Mine:
            def fit(self, X, y): return self
            def predict_proba(self, X): return np.full((len(X), 2), np.nan)
        """,
}


@pytest.fixture
def with_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], App]:
    """The shop with a learner of its own."""

    def make(name: str, architecture: str) -> App:
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / f"{name}_{architecture}.py").write_text(textwrap.dedent(LEARNERS[name]))
        return opened(write_shop(tmp_path, learner=f"{name}_{architecture}.Mine", architecture=architecture))

    return make


@pytest.mark.parametrize("architecture", ["sequential", "parallel", "adaptive"])
@pytest.mark.parametrize(
    ("learner", "lane", "said"),
    [
        ("fit_throws", "train", "Mine failed while it trained: ZeroDivisionError: no"),
        ("scoring_throws", "score", "Mine failed while it scored: RuntimeError: cannot"),
        ("scoring_gives_nonsense", "score", "Mine: predict_proba gave rows that are not probabilities"),
    ],
)
def test_a_learner_that_throws_is_named_and_people_go_on_with_what_chance_chooses(
    learner: str, lane: str, said: str, architecture: str, with_learner: Callable[[str, str], App]
) -> None:
    app = with_learner(learner, architecture)
    play(app, 3 * DAY)
    count = kept(app)
    account = account_of(app.tools.store)
    assert alerts(app)[f"lane-{lane}"].endswith(said)
    assert {run.work for run in account.of(RunFailed)} == {lane}
    assert max(run.attempt for run in account.of(RunFailed)) == 3
    assert count["label-settled"] == count["answer-given"] == 180
    assert count["batch-settled"] == count["batch-released"] > 5
    assert {batch.sampler for batch in account.of(BatchReleased)} == {"random"}
    assert account.of(Looked)[-1].due > app.clock.now() - 2 * HOUR


@pytest.mark.parametrize(
    "sign",
    [
        ".",
        ":",
    ],
)
def test_a_learner_of_ones_own_is_found_beside_loop_toml(sign: str, tmp_path: Path) -> None:
    (tmp_path / "my_forest.py").write_text("from sklearn.ensemble import RandomForestClassifier as Mine\n")
    settings = settings_of(write_shop(tmp_path, learner=f"my_forest{sign}Mine"))
    app = simulate(settings, open_stream(settings))
    play(app, 5 * HOUR)
    assert kept(app)["model-trained"] > 0


def test_a_learner_that_throws_at_times_is_tried_again_and_nothing_is_trained_twice(
    with_learner: Callable[[str, str], App],
) -> None:
    app = with_learner("fit_throws_at_times", "parallel")
    play(app)
    account = account_of(app.tools.store)
    assert kept(app)["model-trained"] > 5
    assert account.of(RunFailed)
    assert not any(run.final for run in account.of(RunFailed))
    assert alerts(app) == {}


# --- rules ----------------------------------------------------------------------------------------


def test_a_rule_file_that_breaks_is_refused_and_one_that_is_mended_takes_effect_at_the_next_look(
    tmp_path: Path,
) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    rules = tmp_path / "rules.yaml"
    play(app, DAY)
    before = app.tools.state.rules

    for content in (RULES.replace("queue.depth > 20", "queue.dept > 20"), RULES[:150], ""):
        rules.write_text(content)
        play(app, 6 * HOUR)
        assert app.tools.state.rules == before
        assert "the rules before it stay in force" in alerts(app)["rules"]
    refused = account_of(app.tools.store).of(RulesRefused)
    assert len(refused) == 3
    assert "did you mean `queue.depth`" in refused[0].problems[0]

    rules.write_text(RULES.replace("queue.depth > 20", "queue.depth > 25"))
    at = app.clock.now()
    play(app, HOUR)
    account = account_of(app.tools.store)
    assert "rules" not in alerts(app)
    assert [loaded.digest for loaded in account.of(RulesLoaded)][-1] == app.tools.state.rules != before
    looks = [recorded for recorded in account.facts if isinstance(recorded.fact, Looked)]
    assert {look.fact.rules for look in looks if look.at <= at} == {before}  # type: ignore[union-attr]
    assert {look.fact.rules for look in looks if look.at > at} == {app.tools.state.rules}  # type: ignore[union-attr]
    assert broken(account, replace(BUDGET, share=0.1)) == []


def test_a_rule_file_that_goes_away_changes_nothing_and_is_missed(tmp_path: Path) -> None:
    app = little(tmp_path, loop__architecture="adaptive")
    play(app, DAY)
    before = app.tools.state.rules
    (tmp_path / "rules.yaml").rename(tmp_path / "elsewhere.yaml")
    play(app, DAY)
    assert "cannot be read: No such file or directory" in alerts(app)["rules"]
    assert app.tools.state.rules == before
    (tmp_path / "elsewhere.yaml").rename(tmp_path / "rules.yaml")
    play(app, 2 * HOUR)
    assert alerts(app) == {}
    assert len(account_of(app.tools.store).of(RulesLoaded)) == 1
