# SPDX-License-Identifier: ISC
"""Mail servers and certificates that the tests run sendoff against."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Everything these modules make is here; `make clean` takes it away.
BUILD = ROOT / "build"
