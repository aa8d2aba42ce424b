"""Models on MLflow: an experiment and a registered model per loop, a run and a version per training.

Nothing of MLflow's global state is used: every call names its store. MLflow is imported with the first
question, not with this module.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from flyball.adapters.mlflow_store import MlflowStore, reachable
from flyball.adapters.served_model import CONTENT_FILE, write_model
from flyball.adapters.shelf_memory import missing
from flyball.core.ids import Digest, Instant, ModelVersion, digest_of
from flyball.errors import BadFile, Problem
from flyball.ports import Shelved, Trained

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion as Registered

PINS, SNAPSHOT, CONTENT = "flyball.pins", "flyball.snapshot", "flyball.content"
_PAGE = 1000


class MlflowShelf:
    """The models of one loop in MLflow.

    `store` is a directory, which then holds a SQLite database and the artifacts, or the URI of a
    tracking server or of a database. `source` says where a snapshot's rows are kept, by its digest.
    """

    def __init__(self, loop: str, store: str, source: Callable[[Digest], str]) -> None:
        self._loop = loop
        self._source = source
        self._store = MlflowStore(loop, store)

    def put(self, trained: Trained) -> Shelved:
        """Keep a model. The same pins again give the version that stands there, or finish a half-made one.

        What is registered is whole: the version is the last thing that is written.
        """
        with reachable(self._store.uri):
            client = self._store.client
            mine = f"name = '{self._loop}' and tags.`{PINS}` = '{trained.pins}'"
            known = client.search_model_versions(mine, max_results=1)
            return self._shelved(client, known[0] if known else self._made(client, trained))

    def get(self, version: ModelVersion) -> bytes:
        """What the learner dumped. Raises NotFound, Unreachable, BadFile for bytes that were changed."""
        with reachable(self._store.uri):
            client = self._store.client
            found = self._registered(client, version)
            content = self._store.read(f"{_folder(client, found)}/{CONTENT_FILE}")
        if digest_of(content) != found.tags[CONTENT]:
            message = f"model version {version} was changed since it was trained; train it again"
            raise BadFile([Problem("model-changed", message)])
        return content

    def point(self, alias: Literal["champion", "challenger"], version: ModelVersion | None) -> None:
        """Let an alias name this version (None: no version). Raises NotFound, Unreachable."""
        with reachable(self._store.uri):
            client = self._store.client
            if version is not None:
                self._registered(client, version)
                client.set_registered_model_alias(self._loop, alias, str(version))
            elif alias in self._aliases(client):
                client.delete_registered_model_alias(self._loop, alias)

    def versions(self) -> tuple[Shelved, ...]:
        """All versions, the oldest first. Raises Unreachable."""
        with reachable(self._store.uri):
            client = self._store.client
            aliases = self._aliases(client)
            runs = {run.info.run_id: run for run in _all(client.search_runs, [self._store.experiment])}
            found = _all(client.search_model_versions, f"name = '{self._loop}'")
            known = [_shelved(each, runs[each.run_id], aliases) for each in found if each.run_id in runs]
        return tuple(sorted(known, key=lambda shelved: shelved.version))

    def _made(self, client: MlflowClient, trained: Trained) -> Registered:
        begun = self._run(client, trained)
        run = begun.info.run_id
        _describe(client, run, trained)
        client.log_inputs(run, [_dataset(trained, self._source(trained.snapshot))])
        model = self._model(client, begun, trained)
        client.set_terminated(run, "FINISHED", end_time=_milliseconds(trained.ended))
        if not client.search_registered_models(f"name = '{self._loop}'", max_results=1):
            client.create_registered_model(self._loop)
        tags = {PINS: trained.pins, SNAPSHOT: trained.snapshot, CONTENT: digest_of(trained.content)}
        # Without a server, MLflow would look for the model in the store that its global state names.
        server = self._store.is_server
        return client.create_model_version(
            self._loop,
            source=f"models:/{model.model_id}" if server else str(model.artifact_location),
            run_id=run,
            tags=tags,
            await_creation_for=0,
            model_id=str(model.model_id) if server else None,
        )

    def _run(self, client: MlflowClient, trained: Trained) -> Run:
        """The run of these pins: a new one, or the one that a process left behind when it ended."""
        experiment = self._store.experiment
        begun = client.search_runs([experiment], f"tags.`{PINS}` = '{trained.pins}'", max_results=1)
        if begun:
            run: Run = begun[0]
            return run
        tags = {**trained.tags, PINS: trained.pins, SNAPSHOT: trained.snapshot}
        name = trained.tags.get("run", f"train-{trained.pins[:16]}")
        return client.create_run(experiment, _milliseconds(trained.began), tags, name)

    def _model(self, client: MlflowClient, run: Run, trained: Trained) -> LoggedModel:
        """The files of the model, whole: a new folder, or the one that was begun."""
        from mlflow.entities import LoggedModelOutput

        experiment, name = self._store.experiment, run.info.run_id
        begun = client.search_logged_models([experiment], f"source_run_id = '{name}'", max_results=1)
        model: LoggedModel = begun[0] if begun else client.create_logged_model(experiment, "model", name)
        model_id = str(model.model_id)
        if str(model.status) != "READY":
            with tempfile.TemporaryDirectory() as folder:
                write_model(Path(folder), trained, name, model_id)
                client.log_model_artifacts(model_id, folder)
            client.set_logged_model_tags(model_id, {PINS: trained.pins, SNAPSHOT: trained.snapshot})
            client.finalize_logged_model(model_id, "READY")
        known = run.outputs.model_outputs if run.outputs is not None else []
        if model_id not in [each.model_id for each in known]:
            client.log_outputs(name, [LoggedModelOutput(model_id, step=0)])
        return model

    def _registered(self, client: MlflowClient, version: ModelVersion) -> Registered:
        found = client.search_model_versions(f"name = '{self._loop}' and version_number = {version}")
        if not found:
            raise missing(version)
        registered: Registered = found[0]
        return registered

    def _shelved(self, client: MlflowClient, found: Registered) -> Shelved:
        return _shelved(found, client.get_run(str(found.run_id)), self._aliases(client))

    def _aliases(self, client: MlflowClient) -> Mapping[str, int]:
        named = client.search_registered_models(f"name = '{self._loop}'", max_results=1)
        return {alias: int(version) for alias, version in named[0].aliases.items()} if named else {}


def _shelved(found: Registered, run: Run, aliases: Mapping[str, int]) -> Shelved:
    version = int(found.version)
    return Shelved(
        ModelVersion(version),
        Digest(found.tags[PINS]),
        Digest(found.tags[SNAPSHOT]),
        tuple(sorted(alias for alias, at in aliases.items() if at == version)),
        f"runs:/{run.info.run_id}",
        {_read(name): value for name, value in run.data.metrics.items()},
    )


def _describe(client: MlflowClient, run: str, trained: Trained) -> None:
    from mlflow.entities import Metric, Param

    at = _milliseconds(trained.ended)
    metrics = [Metric(_written(name), value, at, 0) for name, value in trained.metrics.items()]
    params = [Param(_written(name), str(value)) for name, value in trained.parameters.items()]
    client.log_batch(run, metrics, params)
    client.log_text(run, trained.rule_file, "rules.yaml")


def _dataset(trained: Trained, source: str) -> DatasetInput:
    """The snapshot as MLflow knows data sets; a digest of its own making covers 10,000 rows only."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kinds = {each.name: each.kind for each in trained.features} | {"weight": "number"}
    columns = [
        {"name": name, "type": "double" if kinds.get(name) == "number" else "string", "required": False}
        for name in trained.rows.names
    ]
    profile = {"num_rows": len(trained.rows), "num_elements": len(trained.rows) * len(columns)}
    dataset = Dataset(
        name=f"{trained.loop} labels",
        digest=trained.snapshot[:32],
        source_type=urlsplit(source).scheme or "local",
        source=json.dumps({"uri": source}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _folder(client: MlflowClient, found: Registered) -> str:
    """Where the files of a version are."""
    source = str(found.source)
    if not source.startswith("models:/"):
        return source
    return str(client.get_logged_model(source.removeprefix("models:/")).artifact_location)


def _all(search: Callable[..., Any], what: Any) -> list[Any]:
    """Every page of what a search finds."""
    found, page = [], search(what, max_results=_PAGE)
    while page.token:
        found += page
        page = search(what, max_results=_PAGE, page_token=page.token)
    return [*found, *page]


def _written(name: str) -> str:
    """A name as MLflow allows it: what it refuses is written as its code between colons.

    >>> _written("share.Müll")
    'share.M:fc:ll'
    """
    return re.sub(r"[^\w. /-]|[^\x00-\x7f]", lambda match: f":{ord(match[0]):x}:", name)


def _read(name: str) -> str:
    """The name that `_written` wrote.

    >>> _read(_written("share.a:b, c"))
    'share.a:b, c'
    """
    return re.sub(r":([0-9a-f]+):", lambda match: chr(int(match[1], 16)), name)


def _milliseconds(moment: Instant) -> int:
    return round(moment * 1000)
