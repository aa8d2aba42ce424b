"""The one place that knows every adapter: settings in, a loop that can run out."""

from flyball.bootstrap.app import App, Clock, Reading
from flyball.bootstrap.host import hosting, performed, run_lane
from flyball.bootstrap.opening import (
    assemble,
    driver,
    located,
    notary_of,
    open_loop,
    opened_store,
    origin_of,
    reading,
    settings_of,
    simulate,
)
from flyball.bootstrap.reach import reach

__all__ = [
    "App",
    "Clock",
    "Reading",
    "assemble",
    "driver",
    "hosting",
    "located",
    "notary_of",
    "open_loop",
    "opened_store",
    "origin_of",
    "performed",
    "reach",
    "reading",
    "run_lane",
    "settings_of",
    "simulate",
]
