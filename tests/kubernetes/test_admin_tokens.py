"""Admin tokens: renewed once a day, with an overlap that no proxy notices."""

from itertools import count, pairwise

from fairlead_operator.cluster.admin_tokens import NO_TOKENS, AdminTokens

DAY = 24 * 3600.0


def renewals(number: int) -> list[AdminTokens]:
    names = count(1)
    tokens, made = NO_TOKENS, []
    for day in range(number):
        tokens = tokens.renewed(1_000_000.0 + day * DAY, lambda: f"t{next(names)}")
        made.append(tokens)
    return made


def test_first_token_is_made_where_there_is_none() -> None:
    assert renewals(1)[0].tokens == ("t1",)


def test_young_token_stays() -> None:
    tokens = AdminTokens(("t1",), 1000.0)
    assert tokens.renewed(1000.0 + DAY - 1, lambda: "t2") is tokens


def test_day_old_token_stays_valid_beside_its_successor() -> None:
    assert [each.tokens for each in renewals(3)] == [("t1",), ("t2", "t1"), ("t3", "t2")]


def test_token_in_use_is_known_also_to_a_proxy_that_missed_the_last_renewal() -> None:
    made = renewals(5)
    assert all(after.for_use in before.tokens for before, after in pairwise(made))


def test_no_token_shows_in_the_repr() -> None:
    assert "t1" not in repr(AdminTokens(("t1",), 1.0))
