"""The loop on real streams that move, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops import RULES, facts, play

from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.bootstrap import simulate
from flyball.core.facts import LabelsKnown

STREAMS = Path(__file__).resolve().parents[3] / "shared" / "streams"

HOTEL = """
version = 1
id = "hotel"
[stream]
source = "{source}"
time = "t"
features = ["x_*"]
categories = ["x_cat_*"]
missing = [-1]
label = "y"
label_time = "t_label"
limit = 6000
[start]
labelled = 300
[loop]
architecture = "adaptive"
rules = "rules.yaml"
[budget]
share = 0.05
[team]
source = "simulated"
[clock]
kind = "virtual"
until = "30d"
takes = {{ ingest = "6h", train = "2h", score = "20m", integrate = "1h", steer = "0s" }}
"""

ELEC2 = """
version = 1
id = "elec2"
[stream]
source = "{source}"
unit = "rows"
row_lasts = "30m"
features = ["x_*"]
label = "y"
limit = 4000
[start]
labelled = 200
[loop]
architecture = "sequential"
rules = "rules.yaml"
[knobs]
"batch.size" = 50
[budget]
share = 0.1
[team]
source = "simulated"
[clock]
kind = "virtual"
takes = {{ ingest = "6h", train = "2h", score = "20m", integrate = "1h", steer = "0s" }}
"""


@pytest.mark.parametrize(
    ("name", "text", "natural"),
    [("hotel_booking", HOTEL, True), ("elec2", ELEC2, False)],
    ids=["hotel", "elec2"],
)
def test_the_loop_learns_on_a_real_stream(name: str, text: str, natural: bool, tmp_path: Path) -> None:
    source = STREAMS / f"{name}.parquet"
    if not source.exists():
        pytest.skip(f"the stream {name} is not at hand")
    (tmp_path / "loop.toml").write_text(text.format(source=source))
    (tmp_path / "rules.yaml").write_text(RULES)
    settings = load(tmp_path)
    app = simulate(settings, open_stream(settings))
    play(app)
    measured = facts(app, "quality-measured")
    known = [f.fact for f in facts(app, "labels-known")]
    natural_labels = sum(fact.count for fact in known if isinstance(fact, LabelsKnown))
    assert app.tools.state.champion is not None
    assert len(app.tools.state.models) >= 2
    assert app.tools.state.answered_labels > 50
    assert (natural_labels > settings.start.labelled) == natural
    assert measured
    assert not [alert for alert in facts(app, "alert-raised") if "lane-" in str(alert.fact)]
