"""Suggestions for misspelt words."""

from __future__ import annotations

import pytest

from spikeforge.errors import nearest


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("mnist-tinny", " (did you mean 'mnist-tiny'?)"),
        ("mnist-tiny", " (did you mean 'mnist-tiny'?)"),
        ("cifar", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_suggested_only_if_it_is_near(word, said):
    assert nearest(word, ["mnist-tiny", "mnist-mlp"]) == said


def test_without_words_nothing_is_suggested():
    assert nearest("run", []) == ""
