"""The words of `flyball serve`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators

from flyball.cli.options import HERE, Json, Loop
from flyball.cli.show import print_line


def serve(
    *,
    loop: Loop = HERE,
    host: Annotated[
        str | None, Parameter(help="The address to listen on; api.host. One that others reach needs a token.")
    ] = None,
    port: Annotated[
        int | None,
        Parameter(validator=validators.Number(gte=0, lte=65535), help="The port; api.port. 0: any free one."),
    ] = None,
    json: Json = False,
) -> int:
    """Take answers in over HTTP and settle them into labels, without the other lanes; until Ctrl-C.

    The token that callers show comes from api.token in loop.toml, or FLYBALL_TOKEN.
    """
    if not json:
        print_line(f"opening {loop}")
    from flyball.cli import serve as command

    return command.serve(loop, host, port, json=json)
