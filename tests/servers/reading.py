# SPDX-License-Identifier: ISC
"""Messages read back by two parsers that know nothing of sendoff: Python's email, and Perl's MIME::Parser (mime_reader.pl).

    message = by_both(octets)           Python's, where Perl's agrees with it
    assert attachments(message) == [("a.pdf", b"...")]
"""

import base64
import email
import email.policy
import inspect
import json
import re
import subprocess
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

HEADER_COLUMNS, ENCODED_COLUMNS, LINE_MAX = 78, 76, 998
READER = Path(__file__).with_name("mime_reader.pl")
# Newer Pythons take a comma within a comment for one between addresses, unless they are told not to.
NOT_STRICT = {"strict": False} if "strict" in inspect.signature(getaddresses).parameters else {}


def check_form(octets):
    """CRLF everywhere; no line that is too long; heads of nothing but ASCII, but for addresses."""
    assert b"\n" not in octets.replace(b"\r\n", b"") and b"\r" not in octets.replace(b"\r\n", b"")
    header, _, _ = octets.partition(b"\r\n\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= LINE_MAX
    for line in header.split(b"\r\n"):
        encoded = re.findall(rb"=\?utf-8\?[QB]\?[^ ?]*\?=", line)
        assert all(len(word) <= 75 for word in encoded), line
        if encoded:
            assert len(line) <= ENCODED_COLUMNS, line
        elif line.count(b" ") > 1:
            assert len(line) <= HEADER_COLUMNS, line
        assert line.isascii() or b"@" in line, line


def by_python(octets):
    """The message as Python's email understands it."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    for part in message.walk():
        assert part.defects == [], part.defects
    return message


def by_perl(octets):
    """… as Perl's MIME::Parser does."""
    done = subprocess.run(["perl", str(READER)], input=octets, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    read = json.loads(done.stdout)
    assert read["errors"] == []
    for leaf in read["leaves"]:
        leaf["content"] = base64.b64decode(leaf["content"])
    return read


def by_both(octets):
    """The message as Python understands it, where Perl finds the same subject, people, types, names and octets in it."""
    message, read = by_python(octets), by_perl(octets)
    assert read["subject"] == text_of(message, "subject")
    assert {name: [tuple(one) for one in found] for name, found in read["people"].items()} == {
        name: people(message, name) for name in ("from", "to", "cc", "reply-to") if name in message
    }
    assert parts_by_perl(read) == parts(message)
    return message


def leaves(message):
    """The parts that have content, in their order; a message within is content."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        return [message]
    return [leaf for part in message.iter_parts() for leaf in leaves(part)]


def structure(message):
    """Types, nested as the parts are."""
    if message.get_content_maintype() != "multipart":
        return message.get_content_type()
    return [message.get_content_subtype(), *map(structure, message.iter_parts())]


def content(part):
    """Octets of a part that is no message."""
    return part.get_payload(decode=True)


def name_of(part):
    """The file name; get_filename() would strip spaces."""
    name = part["content-disposition"].params.get("filename") if part["content-disposition"] else None
    return name and name.encode("utf-8", "surrogateescape").decode()


def texts_of(message, field):
    """What each field of that name says, raw UTF-8 too."""
    values = [value for name, value in message.raw_items() if name.lower() == field]
    values = [re.sub("\r?\n", "", value).encode("ascii", "surrogateescape").decode() for value in values]
    return [str(make_header(decode_header(value))) if "=?" in value else value for value in values]


def text_of(message, field):
    """The same of the first one; None: there is none."""
    return next(iter(texts_of(message, field)), None)


def parts(message):
    """(type, name, content) of each leaf; what is no file has LF; a message is its subject and its parts."""
    return [(leaf.get_content_type(), name_of(leaf), _content(leaf)) for leaf in leaves(message)]


def _content(leaf):
    if leaf.get_content_type() == "message/rfc822":
        return text_of(leaf.get_payload(0), "subject"), parts(leaf.get_payload(0))
    return content(leaf) if leaf.get_content_disposition() else lines(content(leaf))


def parts_by_perl(read):
    """The same of what by_perl() gives."""
    return [(leaf["type"], leaf["name"], _content_by_perl(leaf)) for leaf in read["leaves"]]


def _content_by_perl(leaf):
    if leaf["type"] == "message/rfc822":
        read = by_perl(leaf["content"])
        return read["subject"], parts_by_perl(read)
    return leaf["content"] if leaf["disposition"] else lines(leaf["content"])


def lines(octets):
    """Text, whatever its line ends."""
    return octets.replace(b"\r\n", b"\n")


def attachments(message):
    """Names and octets of what is attached."""
    return [(name_of(part), content(part)) for part in leaves(message) if part.get_content_disposition()]


def people(message, field):
    """Names and addresses in a field.

    Not by the policy above: Python 3.11 puts spaces between the encoded words of a name, where RFC 2047 section 6.2
    has none.
    """
    (value,) = [value for name, value in message.raw_items() if name.lower() == field]
    value = re.sub("\r?\n", "", value).encode("ascii", "surrogateescape").decode()
    return [(str(make_header(decode_header(name))), address) for name, address in getaddresses([value], **NOT_STRICT)]
