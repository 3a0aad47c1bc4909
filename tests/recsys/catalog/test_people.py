"""Accounts, sessions and keys, in the catalogue and as they are proven."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import text

from recsys.accounts import SESSION_SECONDS, Accounts
from recsys.catalog import AccountError, Catalog, Listen, Recording

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse"


class Counting(PasswordHasher):
    """Counts what it checks."""

    n = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.n += 1
        return super().verify(hash, password)


@pytest.fixture
def accounts(catalog: Catalog) -> Accounts:
    return Accounts(catalog.people, CHEAP)


def everything(catalog: Catalog) -> str:
    """All that the tables of people hold, as text."""
    with catalog._reading() as session:
        rows = [
            row
            for table in ("accounts", "sessions", "api_keys")
            for row in session.execute(text(f"SELECT * FROM {table}")).all()
        ]
    return repr(rows)


def test_a_person_logs_in_and_out(catalog: Catalog, accounts: Accounts) -> None:
    ann, made = accounts.add(" Ann ")
    assert (ann.name, ann.listener, ann.role) == ("Ann", "Ann", "member")
    assert accounts.log_in("Ann", "x" * 30) is None
    assert accounts.log_in("Ann", made + "x" * 2000) is None
    assert accounts.log_in("bob", made) is None
    first, second = accounts.log_in("ａnn", made), accounts.log_in("ANN ", made)
    assert first and second and first != second
    assert accounts.of_session(first) == ann == accounts.of_session(second)
    assert accounts.of_session(first[:-1]) is None
    secrets = everything(catalog)
    for secret in (made, first, second):
        assert secret not in secrets
    assert "$argon2id$" in secrets
    accounts.log_out(first)
    assert accounts.of_session(first) is None
    assert accounts.of_session(second) == ann
    third = accounts.log_in("ann", made)
    assert third
    accounts.log_out_elsewhere(ann, third)
    assert (accounts.of_session(second), accounts.of_session(third)) == (None, ann)


def test_passwords_change_and_end_sessions(accounts: Accounts) -> None:
    ann, _ = accounts.add("ann", password=PASSWORD)
    here, there = accounts.log_in("ann", PASSWORD), accounts.log_in("ann", PASSWORD)
    assert here and there
    with pytest.raises(AccountError, match="nothing was changed"):
        accounts.change_password(ann, "wrong horse", "another horse", here)
    for bad in ("", "short", "x" * 1001):
        with pytest.raises(AccountError, match="10 to 1000 characters"):
            accounts.change_password(ann, PASSWORD, bad, here)
    accounts.change_password(ann, PASSWORD, "e\u0301tude op. 10", here)
    assert accounts.of_session(here)
    assert accounts.of_session(there) is None
    assert accounts.log_in("ann", PASSWORD) is None
    assert accounts.log_in("ann", "étude op. 10")  # as another keyboard composes it
    made = accounts.reset_password(ann)
    assert accounts.of_session(here) is None
    assert accounts.log_in("ann", made)
    with pytest.raises(AccountError, match="10 to 1000"):
        accounts.add("bob", password="")
    with pytest.raises(AccountError, match="not the account's name"):
        accounts.add("annabel-lee", password="Annabel-Lee")


def test_unknown_names_take_as_long(catalog: Catalog) -> None:
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(catalog.people, hasher)
    accounts.add("ann", password=PASSWORD)
    for name, password in (("ann", "wrong"), ("nobody", "wrong"), ("", ""), ("ann", "x" * 5000)):
        before = hasher.n
        assert accounts.log_in(name, password) is None
        assert hasher.n == before + 1


def test_a_hash_is_renewed_when_the_cost_rises(catalog: Catalog, accounts: Accounts) -> None:
    accounts.add("ann", password=PASSWORD)
    dearer = Accounts(catalog.people, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert dearer.log_in("ann", "wrong horse") is None
    assert _cost(catalog) == (1, 8)
    assert dearer.log_in("ann", PASSWORD)
    assert _cost(catalog) == (2, 16)
    assert dearer.log_in("ann", PASSWORD)


def _cost(catalog: Catalog) -> tuple[int, int]:
    known = catalog.people.by_name("ann")
    assert known
    found = extract_parameters(known[1])
    return found.time_cost, found.memory_cost


def test_sessions_end_by_themselves(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.add("ann", password=PASSWORD)
    token = accounts.log_in("ann", PASSWORD)
    assert token
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS - 9)
    assert accounts.of_session(token)
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 1)
    assert accounts.of_session(token) is None
    assert accounts.log_in("ann", PASSWORD)
    with accounts.people._reading() as session:
        kept = session.execute(text("SELECT token_hash FROM sessions")).scalars().all()
    assert len(kept) == 1
    assert bytes(kept[0]) != hashlib.sha256(token.encode()).digest()


def test_keys_are_used_and_revoked(catalog: Catalog, accounts: Accounts) -> None:
    ann, _ = accounts.add("ann")
    bob, _ = accounts.add("bob")
    key, secret = accounts.make_key(ann, " phone ")
    other, _ = accounts.make_key(ann, "phone")
    assert secret.startswith(key.prefix) and len(key.prefix) < 16 and len(secret) > 48
    assert secret not in everything(catalog)
    assert [known.last_used_at for known in catalog.people.keys(ann.id)] == [None, None]
    assert accounts.of_key(secret) == ann
    assert catalog.people.keys(ann.id)[0].last_used_at == pytest.approx(time.time(), abs=60)
    assert accounts.of_key(secret + "x") is None
    with pytest.raises(AccountError, match="no key"):
        catalog.people.revoke_key(bob.id, key.id)
    catalog.people.revoke_key(ann.id, key.id)
    assert accounts.of_key(secret) is None
    assert [known.id for known in catalog.people.keys(ann.id)] == [other.id]
    with pytest.raises(AccountError, match="name"):
        accounts.make_key(ann, " ")


def test_names_are_taken_once_and_histories_are_not_given_away(
    catalog: Catalog, accounts: Accounts
) -> None:
    catalog.store_listening([Listen("ann", Recording(artist="Bix", title="Song"), 1_700_000_000)])
    with pytest.raises(AccountError, match="history of ann already"):
        accounts.add("ann")
    ann, _ = accounts.add("Annie", listener="ann")
    assert catalog.listener("ann") and ann.listener_id == catalog.listener("ann").id  # type: ignore[union-attr]
    assert catalog.listener_id("ann") == ann.listener_id
    assert catalog.listener_id("nobody") is None
    with pytest.raises(AccountError, match="that of Annie already"):
        accounts.add("thief", listener="ann")
    for name in ("ANNIE", "a\0nnie"):
        with pytest.raises(AccountError):
            accounts.add(name)
    for name in ("", " ", "x" * 65, "a\nb", "a\u202eb", "\ud800"):
        with pytest.raises(AccountError, match="name"):
            accounts.add(name)


def test_an_owner_remains_and_removal_keeps_the_history(
    catalog: Catalog, accounts: Accounts, tmp_path: Path
) -> None:
    owner, _ = accounts.add("owner", role="owner", listener="me")
    ann, password = accounts.add("ann")
    token, (_, key) = accounts.log_in("ann", password), accounts.make_key(ann, "phone")
    assert token
    for refused in (
        lambda: catalog.people.remove(owner.id),
        lambda: catalog.people.set_role(owner.id, "member"),
    ):
        with pytest.raises(AccountError, match="last owner"):
            refused()
    catalog.people.set_role(ann.id, "owner")
    catalog.people.set_role(owner.id, "member")
    catalog.people.set_role(owner.id, "owner")
    catalog.people.remove(ann.id)
    assert accounts.of_session(token) is None
    assert accounts.of_key(key) is None
    assert accounts.log_in("ann", password) is None
    assert catalog.listener("ann")
    with pytest.raises(AccountError, match="removed already"):
        catalog.people.remove(ann.id)
    assert [account.name for account in catalog.people.accounts()] == ["owner"]
