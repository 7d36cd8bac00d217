# SPDX-License-Identifier: ISC
"""Kinds of tests that several files have, as decorators; what the marks mean is in tests/pytest.ini.

    @kinds.memory
    def test_memory_stays_flat():
"""

import pytest

from .client import binary


def is_sanitized():
    """Whether the build under test has sanitizers."""
    flags = binary("flags")
    return flags.exists() and "-fsanitize" in flags.read_text()


def memory(test):
    """Measures memory: one after another on one worker, for their messages are large."""
    marks = pytest.mark.slow, pytest.mark.once, pytest.mark.xdist_group("memory")
    for mark in (*marks, pytest.mark.skipif(is_sanitized(), reason="a build with sanitizers: its memory is theirs")):
        test = mark(test)
    return test
