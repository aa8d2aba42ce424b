"""Whose call it is: everything rightly signed is believed, and none of more than two hundred forgeries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forged_signatures import BODY, NOW, SECRET, STANDARD, Call, forged, plain, right, standard

from flyball.core.signatures import SCHEMES, Scheme, Verdict, key_of, verify

HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature", "authorization"]
HEADERS += ["x-hub-signature", "x-hub-signature-256"]
FORGED, RIGHT = list(forged()), list(right())


def judged(call: Call) -> Verdict:
    return verify(call.scheme, call.headers, call.body, call.secrets, call.now, call.tolerance)


@pytest.mark.parametrize("call", RIGHT, ids=lambda call: call.name)
def test_what_is_rightly_signed_is_believed(call: Call) -> None:
    assert judged(call).ok


def test_none_of_two_hundred_forgeries_is_believed() -> None:
    assert len({call.name for call in FORGED}) >= 200
    assert {call.scheme for call in FORGED} == set(SCHEMES)
    assert [call.name for call in FORGED if judged(call).ok] == []


def test_a_checker_that_forgets_the_time_or_the_body_would_be_found_out() -> None:
    """The forgeries are worth something: a check that leaves one part out lets some of them pass."""

    def careless(call: Call) -> bool:
        return judged(call.but(call.name, tolerance=float("inf"))).ok

    def blind(call: Call) -> bool:
        return judged(call.but(call.name, body=BODY)).ok

    assert sum(map(careless, FORGED)) >= 5
    assert sum(map(blind, FORGED)) >= 10


def test_the_id_of_a_call_is_told_only_where_it_was_signed() -> None:
    assert verify("standard", standard(), BODY, (STANDARD,), NOW, 300).delivery == "msg_1"
    headers = (("x-hub-signature-256", "sha256=" + plain()), ("x-labelbox-id", "d-1"))
    assert verify("hub", headers, BODY, (SECRET,), NOW, 300).delivery is None


def test_why_a_call_is_not_believed_is_one_of_few_words() -> None:
    words = {judged(call).reason for call in FORGED}
    known = {
        "unsigned",
        "wrong-signature",
        "bad-timestamp",
        "too-old",
        "from-the-future",
        "bad-id",
        "no-secret",
    }
    assert words <= known


def test_a_header_of_another_name_is_looked_at_where_the_settings_say_so() -> None:
    headers = tuple((name.replace("webhook", "svix"), value) for name, value in standard())
    assert verify("standard", headers, BODY, (STANDARD,), NOW, 300, "Svix-Signature").ok
    assert not verify("standard", headers, BODY, (STANDARD,), NOW, 300).ok


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [("short", "at least 16 characters"), ("whsec_!!!!", "base64"), ("whsec_c2hvcnQ=", "at least 16 bytes")],
)
def test_a_secret_that_can_be_guessed_or_is_broken_is_not_taken(secret: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        key_of(secret)
    assert secret not in str(error.value)


@given(
    st.sampled_from(SCHEMES),
    st.lists(
        st.tuples(
            st.sampled_from(HEADERS),
            st.text(max_size=60) | st.sampled_from(["v1,", "t=1,v1=", "sha256=", "sha1=", "Bearer "]),
        ),
        max_size=6,
    ),
    st.binary(max_size=60),
)
def test_no_call_of_a_stranger_is_believed_or_breaks_anything(
    scheme: Scheme, headers: list[tuple[str, str]], body: bytes
) -> None:
    secrets = (STANDARD,) if scheme == "standard" else (SECRET,)
    assert not verify(scheme, headers, body, secrets, NOW, 300).ok


def test_however_many_signatures_a_call_has_its_body_is_read_once_a_secret() -> None:
    class Secrets(tuple[str, ...]):
        """Counts how often they are gone through."""

        def __iter__(self) -> Iterator[str]:
            gone.append(1)
            return super().__iter__()

    gone: list[int] = []
    right = dict(standard())["webhook-signature"]
    many = tuple(
        (name, " ".join(["v1,AAAA"] * 15 + [right]) if name == "webhook-signature" else value)
        for name, value in standard()
    )
    assert verify("standard", many, BODY, Secrets((STANDARD, SECRET)), NOW, 300).ok
    stamped = f"t={NOW:.0f}," + ",".join(["v1=00"] * 15)
    assert not verify("timestamped", [("webhook-signature", stamped)], BODY, Secrets((SECRET,)), NOW, 300).ok
    assert len(gone) == 2
