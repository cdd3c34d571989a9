"""What is kept of conversations: by owner and adapter, within bytes, for a while, shared as views."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chat_app.models.local.cache import IDLE_SECONDS, Layers, Prefixes, cache_of, common, layers_of

BYTES = 2 * 2 * 4 * 4  # of one token: two layers, keys and values, four float32


def layers(length: int) -> Layers:
    states = torch.arange(length, dtype=torch.float32).reshape(1, 1, length, 1).expand(1, 1, length, 4)
    return [(states.clone(), states.clone()), (states.clone(), states.clone())]


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def held(prefixes: Prefixes, *numbers: int, owner: str = "o", adapter: str = "") -> int:
    """How many tokens are found for these keys."""
    found = prefixes.find(owner, adapter, keys(*numbers))
    return found[0][0].shape[2] if found else 0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_longest_common_beginning_is_found() -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2, 3, 4), layers(4))
    prefixes.keep("o", "", keys(1, 2, 9), layers(3))
    assert held(prefixes, 1, 2, 3, 5, 6) == 3
    assert held(prefixes, 1, 2, 9, 9, 9) == 3
    assert held(prefixes, 7, 2, 3) == 0


def test_something_is_always_left_to_read() -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2, 3), layers(3))
    assert held(prefixes, 1, 2, 3) == 2
    assert held(prefixes, 1) == 0


@pytest.mark.parametrize(("owner", "adapter"), [("another", ""), ("o", "breast")])
def test_owners_and_adapters_share_nothing(owner: str, adapter: str) -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2, 3), layers(3))
    assert held(prefixes, 1, 2, 3, 4, owner=owner, adapter=adapter) == 0


def test_a_conversation_that_goes_on_takes_the_place_of_its_beginning() -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2), layers(2))
    prefixes.keep("o", "", keys(1, 2, 3), layers(3))
    assert prefixes.nbytes == 3 * BYTES


def test_what_is_kept_already_is_not_kept_again() -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2, 3, 4), layers(4))
    prefixes.keep("o", "", keys(1, 2, 3), layers(3))
    assert prefixes.nbytes == 4 * BYTES


def test_the_least_used_goes_first_when_there_is_no_room() -> None:
    clock = Clock()
    prefixes = Prefixes(5 * BYTES, clock)
    for number in (1, 2):
        clock.now = number
        prefixes.keep("o", "", keys(number, 5), layers(2))
    clock.now = 3
    assert held(prefixes, 1, 5, 6) == 2
    prefixes.keep("o", "", keys(3, 5), layers(2))
    assert [held(prefixes, number, 5, 6) for number in (1, 2, 3)] == [2, 0, 2]
    assert prefixes.nbytes <= 5 * BYTES


def test_what_is_larger_than_all_the_room_drives_nothing_out() -> None:
    prefixes = Prefixes(3 * BYTES)
    prefixes.keep("o", "", keys(1, 2), layers(2))
    prefixes.keep("o", "", keys(5, 6, 7, 8), layers(4))
    assert (held(prefixes, 1, 2, 3), held(prefixes, 5, 6, 7, 8, 9)) == (2, 0)


def test_what_nobody_asks_about_is_given_up() -> None:
    clock = Clock()
    prefixes = Prefixes(1000 * BYTES, clock)
    prefixes.keep("o", "", keys(1, 2), layers(2))
    clock.now = IDLE_SECONDS + 1
    prefixes.tidy()
    assert prefixes.nbytes == 0


def test_a_branch_leaves_the_tree_as_it_was() -> None:
    prefixes = Prefixes(1000 * BYTES)
    prefixes.keep("o", "", keys(1, 2, 3, 4), layers(4))
    cache = cache_of(prefixes.find("o", "", keys(1, 2, 8)))
    for layer in range(2):
        cache.update(torch.full((1, 1, 1, 4), 99.0), torch.full((1, 1, 1, 4), 99.0), layer)
    assert layers_of(cache)[0][0][0, 0, :, 0].tolist() == [0, 1, 99]
    trunk = prefixes.find("o", "", keys(1, 2, 3, 4, 5))
    assert trunk[0][0][0, 0, :, 0].tolist() == [0, 1, 2, 3]


def test_the_beginning_that_is_shared_is_not_copied() -> None:
    prefixes, tree = Prefixes(1000 * BYTES), layers(4)
    prefixes.keep("o", "", keys(1, 2, 3, 4), tree)
    found = prefixes.find("o", "", keys(1, 2, 8))
    assert found[0][0].data_ptr() == tree[0][0].data_ptr()


def test_common_counts_leading_keys() -> None:
    assert common(keys(1, 2, 3), keys(1, 2, 4)) == 2
    assert common(keys(1, 2), keys(1, 2, 4)) == 2
    assert common(keys(), keys(1)) == 0
