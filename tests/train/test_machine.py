from __future__ import annotations

import platform
import resource

import pytest
import torch

from train.machine import kept_memory, one_thread

_BYTES = 64 << 20  # larger than what glibc itself ever keeps


def faults_of_filling() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(_BYTES // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_memory_of_one_update_serves_the_next_and_is_given_back_afterwards():
    with kept_memory():
        kept = [faults_of_filling() for _ in range(24)]
    # Blocks move a few times before each fits where the last one was.
    assert kept.count(0) >= 8
    assert faults_of_filling() > 0


def test_training_computes_in_one_thread_and_leaves_the_number_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
