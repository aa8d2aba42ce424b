"""Flows are wires: one call each, and `prefect.yaml` declares every one of them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from prefect import Flow

ROOT = Path(__file__).resolve().parents[2]
LANES = ("ingest", "score", "annotate", "integrate", "train", "steer")
DEPLOYMENTS: dict[str, Any] = {
    each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
}


def test_there_is_a_flow_for_each_lane_and_no_other() -> None:
    assert sorted(path.stem for path in (ROOT / "flows").glob("*.py")) == sorted(LANES)


@pytest.mark.parametrize("lane", LANES)
def test_a_flow_is_one_call_and_decides_nothing(lane: str) -> None:
    tree = ast.parse((ROOT / "flows" / f"{lane}.py").read_text())
    (function,) = (node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    (said, call) = function.body
    assert isinstance(said, ast.Expr)
    assert ast.unparse(call) == f"return await bootstrap.run_lane('{lane}', loop)"


@pytest.mark.parametrize("lane", LANES)
def test_a_flow_is_named_by_its_lane_and_leaves_retries_to_the_jobs(lane: str) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow: Flow[..., Any] = load_flow_from_entrypoint(
        f"{ROOT / 'flows' / lane}.py:{lane}", use_placeholder_flow=False
    )
    assert (flow.name, flow.isasync, flow.retries, flow.log_prints) == (lane, True, 0, False)


def test_every_lane_is_a_deployment_with_one_run_at_a_time() -> None:
    assert sorted(DEPLOYMENTS) == sorted(LANES)
    for lane, deployment in DEPLOYMENTS.items():
        assert deployment["entrypoint"] == f"flows/{lane}.py:{lane}"
        assert deployment["concurrency_limit"]["limit"] == 1
        assert deployment["parameters"] == {"loop": "."}


@pytest.mark.parametrize("lane", LANES)
def test_only_a_late_look_is_dropped(lane: str) -> None:
    strategy = DEPLOYMENTS[lane]["concurrency_limit"]["collision_strategy"]
    assert strategy == ("CANCEL_NEW" if lane == "steer" else "ENQUEUE")


def test_no_schedule_runs_before_somebody_switches_it_on() -> None:
    for deployment in DEPLOYMENTS.values():
        assert [schedule["active"] for schedule in deployment["schedules"]] == [False]
