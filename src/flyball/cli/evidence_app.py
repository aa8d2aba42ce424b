"""The words of the commands about the evidence: verify, erase, audit, reconcile, latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flyball.cli.options import AT_LEAST_1, HERE, DryRun, Json, Loop


def verify(
    *,
    loop: Loop = HERE,
    from_: Annotated[
        str | None, Parameter(name="--from", help="The checkpoints' directory, or s3://…; as in loop.toml.")
    ] = None,
    key: Annotated[
        str | None, Parameter(help="The public key or its file; keys.pub beside the checkpoints.")
    ] = None,
    bodies: Annotated[
        bool, Parameter(help="Whether what the facts say is verified too, at twice the time.")
    ] = True,
    processes: Annotated[
        int | None,
        Parameter(
            help="So many read it side by side; one for each core, of a large log.", validator=AT_LEAST_1
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Verify the log against its signed checkpoints: whatever was changed in it shows. 1 if it was."""
    from flyball.cli import evidence as command

    return command.verify(loop, source=from_, key=key, bodies=bodies, processes=processes, json=json)


def erase(
    subject: Annotated[str, Parameter(help="An annotator or an item.")],
    /,
    *,
    because: Annotated[str, Parameter(help="Why: a case number, not the name. It is kept for good.")],
    as_: Annotated[
        Literal["annotator", "item"] | None, Parameter(name="--as", help="Which, where both have the name.")
    ] = None,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Erase what an annotator said, or all that was said about an item; the chain still holds."""
    from flyball.cli import evidence_erase as command

    return command.erase(loop, subject, as_, because, json=json, dry_run=dry_run)


def audit(
    *,
    loop: Loop = HERE,
    since: Annotated[str | None, Parameter(help="Received from then on: 2026-11-20, or 30d ago.")] = None,
    until: Annotated[str | None, Parameter(help="Received before then.")] = None,
    annotator: Annotated[str | None, Parameter(help="By this annotator.")] = None,
    item: Annotated[str | None, Parameter(help="About this item.")] = None,
    document: Annotated[
        str | None, Parameter(help="About items of this segment; its first digits do.")
    ] = None,
    cohort: Annotated[str | None, Parameter(help="About items that went out in this batch.")] = None,
    model: Annotated[int | None, Parameter(help="That this model version learned from.")] = None,
    format: Annotated[Literal["csv", "json"], Parameter(help="How it is written.")] = "csv",
    output: Annotated[Path | None, Parameter(help="Where to; to the terminal.")] = None,
    json: Json = False,
) -> int:
    """Write answers with their outcomes as CSV or JSON: by date, annotator, document, item, cohort, model.

    Ends with 1 where no answer fits.
    """
    from flyball.cli import audit as command

    return command.answers(
        loop,
        since=since,
        until=until,
        annotator=annotator,
        item=item,
        document=document,
        cohort=cohort,
        model=model,
        form="json" if json else format,
        output=output,
    )


def reconcile(
    *,
    since: Annotated[str, Parameter(help="Labels and answers from then on: 30d, or 2026-11-20.")] = "30d",
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Run integration again on what was captured and compare labels, byte for byte; 1 if they differ."""
    from flyball.cli import reconcile as command

    return command.reconcile(loop, since, json=json)


def latency(
    *,
    html: Annotated[Path | None, Parameter(help="Write a page with a plot there too.")] = None,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Show how long each stage takes by the size of the batch: where the loop begins to choke."""
    from flyball.cli import latency as command

    return command.latency(loop, html=html, json=json)


#: Each of them by its name.
EVIDENCE: Mapping[str, Callable[..., int]] = {
    "verify": verify,
    "audit": audit,
    "reconcile": reconcile,
    "latency": latency,
    "erase": erase,
}
