"""Every bad body is refused with its own code and status, nothing of it is kept, and nothing breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.bad_bodies import BATCH_BYTES, BODY_BYTES, Bad, bad_bodies
from tests.web.served import LOCAL, a_loop, an_api, captured, posted

from flyball.settings.outside import ApiSettings
from flyball.web.app import Api, make_app
from flyball.web.server import serving

BODIES = bad_bodies()
SMALL = ApiSettings(port=0, body_bytes=BODY_BYTES, batch_bytes=BATCH_BYTES)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that takes small bodies only, so that a large one need not be large."""
    with an_api(tmp_path_factory.mktemp("loop"), settings=SMALL) as api:
        yield api


def test_there_are_at_least_250_of_them_with_different_names() -> None:
    assert len({bad.name for bad in BODIES}) == len(BODIES) >= 250


def _headers(bad: Bad) -> dict[str, str]:
    return {**bad.headers, **({} if bad.kind is None else {"content-type": bad.kind})}


def _wrong(bad: Bad, response: httpx.Response) -> str:
    """What is wrong with the answer to a bad body, if anything."""
    if response.status_code != bad.status:
        return f"{bad.name}: {response.status_code} {response.text[:200]}"
    if not bad.code:
        return ""
    told = response.json()
    told = told[0] if isinstance(told, list) else told
    found = (told["code"], told["where"] if bad.where is not None else None)
    return (
        "" if found == (bad.code, bad.where) and told["message"] else f"{bad.name}: {found} {told['message']}"
    )


def test_each_is_refused_with_its_code_and_its_place_and_nothing_is_kept(api: Api) -> None:
    async def all_of_them() -> list[str]:
        transport = httpx.ASGITransport(app=make_app(api))
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
            return [
                _wrong(bad, await client.post("/v1/events", content=bad.body, headers=_headers(bad)))
                for bad in BODIES
            ]

    assert "\n".join(wrong for wrong in asyncio.run(all_of_them()) if wrong) == ""
    # Those that stood beside a bad one are no worse for it.
    assert {answer.label for answer in captured(api)} == {"fraud"} and len(captured(api)) == 2
    assert api.held.bytes == 0, "bodies that are done with are let go"
    assert api.metrics.refused["duplicate_key"] >= 17


@pytest.mark.slow
def test_a_real_server_refuses_them_alike_and_lives_on(tmp_path: Path) -> None:
    with (
        a_loop(tmp_path) as app,
        serving(app.tools, SMALL, {}) as (_, address),
        httpx.Client(base_url=address) as client,
    ):
        answers = [
            _wrong(bad, client.post("/v1/events", content=bad.body, headers=_headers(bad))) for bad in BODIES
        ]
        assert [wrong for wrong in answers if wrong] == []
        assert client.get("/readyz").status_code == 200


def test_the_check_would_see_a_body_that_was_taken(api: Api) -> None:
    good = Bad("a good one", b'{"id":"c","item":"i","annotator":"a","label":"l"}', "not_json")
    assert _wrong(good, posted(api, good.body)).startswith("a good one: 202")
