"""Shards: every target has one, and a further shard moves only its share."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Account, Target
from exporter.sharding import Shard, shard_of

REGIONS = ("us-east-1", "eu-west-1", "ap-south-1", "us-gov-west-1")

accounts = st.one_of(
    st.integers(0, 10**12 - 1).map(lambda n: Account(role_arn=f"arn:aws:iam::{n:012}:role/bedrock-batch-exporter")),
    st.text(min_size=1, max_size=8).map(lambda name: Account(profile=name)),
    st.just(Account()),
)
fleets = st.lists(st.builds(Target, accounts, st.sampled_from(REGIONS)), max_size=30, unique_by=lambda t: t.key)


@settings(max_examples=50, deadline=None)
@given(fleets, st.integers(1, 9))
def test_all_shards_together_are_every_target_once(targets, total):
    shares = [Shard(number, total).share(targets) for number in range(total)]

    assert Counter(target for share in shares for target in share) == Counter(targets)


@settings(max_examples=50, deadline=None)
@given(fleets, st.integers(1, 9))
def test_a_further_shard_takes_its_share_and_moves_nothing_between_the_others(targets, total):
    for target in targets:
        assert shard_of(target, total + 1) in {shard_of(target, total), total}


@settings(max_examples=20, deadline=None)
@given(fleets, st.integers(2, 9))
def test_a_target_has_its_shard_by_account_id_and_region_alone(targets, total):
    for target in targets:
        told = target.account.role_arn
        renamed = Account("another name", told and told.replace("role/", "role/path/"), None, target.account.profile)
        assert shard_of(target, total) == shard_of(Target(renamed, target.region), total)


@pytest.mark.parametrize("total", [2, 5])
def test_the_shares_are_of_a_size(total):
    targets = [
        Target(Account(role_arn=f"arn:aws:iam::{number:012}:role/r"), region)
        for number in range(100)
        for region in REGIONS
    ]

    sizes = Counter(shard_of(target, total) for target in targets)

    assert len(sizes) == total
    assert min(sizes.values()) > 0.7 * len(targets) / total


def test_the_shards_stay_where_they_are_from_release_to_release():
    target = Target(Account(role_arn="arn:aws:iam::111122223333:role/r"), "us-east-1")

    assert [shard_of(target, total) for total in (1, 2, 3, 4, 8)] == [0, 1, 1, 1, 5]
