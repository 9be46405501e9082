"""Basic authentication: who is let in, and at what cost."""

import asyncio
import base64

import bcrypt
import pytest

from exporter.web.auth import REMEMBERED_DENIALS, WAITING_BY_REMOTE, Authenticator, Verdict, credentials

USERS = {
    "alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode(),
    "bob": bcrypt.hashpw(b"", bcrypt.gensalt(5)).decode(),
}


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def hashed(monkeypatch):
    """The hashes that bcrypt computed against."""
    seen: list[bytes] = []
    checkpw = bcrypt.checkpw

    def check(password: bytes, against: bytes) -> bool:
        seen.append(against)
        return checkpw(password, against)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    return seen


def verdicts(*authorizations: str | None, users=USERS) -> list[Verdict]:
    async def ask() -> list[Verdict]:
        authenticator = Authenticator()
        try:
            return [await authenticator.check(users, authorization, "192.0.2.1") for authorization in authorizations]
        finally:
            authenticator.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("authorization", "verdict"),
    [
        (header("alice", "right"), Verdict.ALLOWED),
        (header("alice", "right").replace("Basic", "bAsIc"), Verdict.ALLOWED),
        (header("bob", ""), Verdict.ALLOWED),
        (header("alice", "wrong"), Verdict.DENIED),
        (header("alice", "right\0"), Verdict.DENIED),
        (header("Alice", "right"), Verdict.DENIED),
        (header("", ""), Verdict.DENIED),
        (header("nobody", "right"), Verdict.DENIED),
        (header("alice", "x" * 1000), Verdict.DENIED),
        (None, Verdict.DENIED),
        ("", Verdict.DENIED),
        ("Basic", Verdict.DENIED),
        ("Basic !!!", Verdict.DENIED),
        ("Basic /w==", Verdict.DENIED),
        ("Basic " + base64.b64encode(b"alice").decode(), Verdict.DENIED),
        ("Basic " + base64.b64encode(b"\xff:right").decode(), Verdict.DENIED),
        ("Bearer right", Verdict.DENIED),
    ],
)
def test_who_is_let_in(authorization, verdict):
    assert verdicts(authorization) == [verdict]


def test_a_password_may_hold_colons():
    assert credentials(header("alice", "a:b")) == ("alice", b"a:b")


def test_a_scraper_pays_for_its_password_once(hashed):
    assert verdicts(*[header("alice", "right")] * 5) == [Verdict.ALLOWED] * 5
    assert len(hashed) == 1


def test_a_wrong_password_is_computed_once(hashed):
    assert verdicts(*[header("alice", "wrong")] * 5) == [Verdict.DENIED] * 5
    assert len(hashed) == 1


def test_wrong_passwords_do_not_push_out_the_right_one(hashed):
    right = header("alice", "right")
    wrong = [header("alice", f"{n}") for n in range(REMEMBERED_DENIALS + 10)]

    assert verdicts(right, *wrong, right)[-1] is Verdict.ALLOWED
    assert len(hashed) == 1 + len(wrong)


def test_an_unknown_user_costs_what_a_known_one_does(hashed):
    verdicts(*[header(f"user {n}", "x") for n in range(64)])

    assert set(hashed) == {hash_.encode() for hash_ in USERS.values()}


def test_an_unknown_user_costs_the_same_at_every_try(hashed):
    verdicts(*[header("nobody", f"{n}") for n in range(16)])

    assert len(set(hashed)) == 1


def test_the_password_that_an_unknown_user_was_checked_against_does_not_let_him_in():
    assert verdicts(header("nobody", "right"), header("nobody", "right"), users={"alice": USERS["alice"]}) == [
        Verdict.DENIED,
        Verdict.DENIED,
    ]


def test_a_changed_password_ends_the_old_one():
    async def ask() -> list[Verdict]:
        authenticator = Authenticator()
        new = {"alice": bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()}
        try:
            return [await authenticator.check(users, header("alice", "right"), "") for users in (USERS, new)]
        finally:
            authenticator.close()

    assert asyncio.run(ask()) == [Verdict.ALLOWED, Verdict.DENIED]


def test_a_removed_user_is_not_let_in_by_what_is_remembered():
    async def ask() -> list[Verdict]:
        authenticator = Authenticator()
        renamed = {"bob": USERS["alice"]}
        try:
            return [await authenticator.check(users, header("alice", "right"), "") for users in (USERS, renamed)]
        finally:
            authenticator.close()

    assert asyncio.run(ask()) == [Verdict.ALLOWED, Verdict.DENIED]


def test_one_client_cannot_fill_the_queue(hashed):
    async def ask() -> tuple[list[Verdict], Verdict]:
        authenticator = Authenticator()
        try:
            flood = [
                asyncio.create_task(authenticator.check(USERS, header("alice", f"guess {n}"), "192.0.2.1"))
                for n in range(20)
            ]
            await asyncio.sleep(0)
            scrape = await authenticator.check(USERS, header("alice", "right"), "192.0.2.2")
            return await asyncio.gather(*flood), scrape
        finally:
            authenticator.close()

    flood, scrape = asyncio.run(ask())

    assert scrape is Verdict.ALLOWED
    assert flood.count(Verdict.BUSY) == 20 - WAITING_BY_REMOTE


def test_the_same_password_at_once_is_computed_once(hashed):
    async def ask() -> list[Verdict]:
        authenticator = Authenticator()
        try:
            return await asyncio.gather(
                *(authenticator.check(USERS, header("alice", "right"), "192.0.2.1") for _ in range(16))
            )
        finally:
            authenticator.close()

    assert asyncio.run(ask()) == [Verdict.ALLOWED] * 16
    assert len(hashed) == 1
