#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes the named characters of HTML 5, as Python's html.entities has them.

    entities.py > src/html/entities.inc              for entity.c, which tells the form of a record
    entities.py html > tests/golden/html/names.html all names, each in a line of its own
"""
import sys
from html.entities import html5

NAMES = sorted({name.rstrip(";") for name in html5})


def quoted(text):
    return "".join(chr(o) if 32 < o < 127 and o not in b'"\\' else f"\\{o:03o}" for o in text.encode())


def table():
    print("/* Made by entities.py: the names of HTML 5, sorted; see entity.c. */")
    line = ""
    for name in NAMES:
        record = name + ("&" if name in html5 else ";") + quoted(html5[name + ";"]) + " "
        if len(line) + len(record) > 96:
            print(f'"{line}"')
            line = ""
        line += record
    print(f'"{line}"')


if sys.argv[1:] == ["html"]:
    for name in NAMES:
        print(f"<div>{name} (&{name};)</div>")
else:
    table()
