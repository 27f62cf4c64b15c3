"""Which tenth is tried: the same by the same seed, in the end everything, never nothing."""

from __future__ import annotations

import math

import pytest

from tests import chance


@pytest.fixture(autouse=True)
def tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "_whole", False)
    monkeypatch.setattr(chance, "FUZZ", 0)
    monkeypatch.setattr(chance, "_seed", 3)


@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 95])
def test_a_tenth_in_its_order_the_same_each_time(number: int) -> None:
    chosen = chance.some(range(number), "x")
    assert len(chosen) == math.ceil(number / 10)
    assert chosen == sorted(set(chosen)) == chance.some(range(number), "x")


def test_of_nothing_nothing() -> None:
    assert chance.some([], "x") == []


def test_another_seed_and_another_case_are_another_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = chance.some(range(200), "x")
    assert chosen != chance.some(range(200), "y")
    monkeypatch.setattr(chance, "_seed", 4)
    assert chosen != chance.some(range(200), "x")


def test_by_many_seeds_everything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = set()
    for seed in range(100):
        monkeypatch.setattr(chance, "_seed", seed)
        tried |= set(chance.some(range(50), "x"))
    assert tried == set(range(50))


def test_the_whole_is_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "_whole", True)
    assert chance.some(range(50), "x") == list(range(50))
    assert chance.times(25) == 25
    monkeypatch.setattr(chance, "FUZZ", 4)
    assert chance.times(25) == 100


def test_of_a_number_of_tries_a_tenth() -> None:
    assert [chance.times(number) for number in (1, 4, 25, 60)] == [1, 1, 3, 6]
