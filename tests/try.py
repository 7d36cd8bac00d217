#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Sends a message with an attachment through a real Postfix of ours, and shows what arrives (make try).

    tests/try.py [BUILD]        BUILD: the folder with the sendmail to try (build)
"""

import email
import email.policy
import os
import sys
import textwrap
from email.message import EmailMessage

from servers import ROOT, certs
from servers.client import binary, run_sendmail
from servers.daemon import ServerError
from servers.dovecot import PASSWORD, USER, Dovecot
from servers.postfix import Postfix

BOB = "bob@example.net"
PDF_NAME = "Grüße.pdf"
PDF_TEXT = "Hello from sendoff"

CONFIGURATION = """\
server          smtps://localhost:{port}
tls_trust_file  {ca}
user            {user}
password        "{password}"
from            {user}
"""


def main():
    os.environ["SENDOFF_BUILD"] = sys.argv[1] if len(sys.argv) > 1 else "build"
    if not binary().exists():
        sys.exit(f"try.py: there is no {binary()}; run make first")
    if os.geteuid() != 0:
        as_root = str(ROOT / "tests" / "as-root")
        os.execv(as_root, [as_root, sys.executable, *sys.argv])
    made = certs.ensure()
    try:
        with Dovecot() as dovecot, Postfix(made.good, dovecot.auth_socket) as postfix:
            complaints = send_and_show(postfix, made.ca)
    except ServerError as error:
        sys.exit(f"try.py: {error}")
    if complaints:
        sys.exit("try.py: " + "; ".join(complaints))


def send_and_show(postfix, ca):
    """Returns what was wrong."""
    config = CONFIGURATION.format(port=postfix.tls_port, ca=ca, user=USER, password=PASSWORD)
    show("The server", "Postfix with Dovecot, from their Debian packages, run for this only")
    show("The configuration", config)
    result = run_sendmail(["-v", "-t"], message(), config)
    show("The command", f"{binary()} -v -t < message")
    show("What it says (-v)", result.stdout + result.stderr)
    show("Its exit status", str(result.status))
    arrived = postfix.arrived()
    for one in arrived:
        show_arrived(one)
    complaints = find_faults(result, arrived)
    if complaints:
        show("The server's log", postfix.log_tail())
    return complaints


def find_faults(result, arrived):
    """What is not as it should be, as sentences."""
    faults = []
    if result.status != 0:
        faults.append(f"sendmail ended with status {result.status}")
    if "AUTH" not in result.stderr:
        faults.append("the transcript does not show the login")
    if PASSWORD in result.stderr:
        faults.append("the transcript shows the password")
    if len(arrived) != 1:
        faults.append(f"{len(arrived)} messages arrived instead of one")
    for one in arrived:
        if (one.sender, list(one.recipients)) != (USER, [BOB]):
            faults.append("the envelope is wrong")
        if not is_pdf_identical(parse(one)):
            faults.append("the attachment was changed")
    return faults


def show_arrived(one):
    """The envelope, the header and the parts of a message."""
    arrived = parse(one)
    show("What arrives: the envelope", f"from  {one.sender}\nto    {', '.join(one.recipients)}")
    show("What arrives: the header", one.content.partition(b"\r\n\r\n")[0].decode(errors="replace"))
    show("What arrives: the text", arrived.get_body().get_content())
    for part in arrived.iter_attachments():
        size_bytes = len(part.get_content())
        show("What arrives: the attachment", f"{part.get_filename()}, {part.get_content_type()}, {size_bytes} bytes")
    print(f"attachment identical: {'yes' if is_pdf_identical(arrived) else 'NO'}")


def show(title, text):
    print(f"{title}:\n{textwrap.indent(text.rstrip(), '    ')}\n")


def message():
    """A message that a program might give to sendmail."""
    result = EmailMessage()
    result["From"] = f"Alice <{USER}>"
    result["To"] = f"Bob <{BOB}>"
    result["Subject"] = "A greeting"
    result.set_content("Hello Bob,\n\nthe greeting is attached.\n")
    result.add_attachment(pdf(PDF_TEXT), maintype="application", subtype="pdf", filename=PDF_NAME)
    return result.as_bytes()


def parse(one):
    return email.message_from_bytes(one.content, policy=email.policy.default)


def is_pdf_identical(arrived):
    """Whether there is one attachment, and it is the file that was sent, under its name."""
    files = [(part.get_filename(), part.get_content()) for part in arrived.iter_attachments()]
    return files == [(PDF_NAME, pdf(PDF_TEXT))]


def pdf(text):
    """A PDF file of one page with that text."""
    drawing = f"BT /F 24 Tf 40 90 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 320 200] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    file, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{content}\nendobj\n"
    count = len(objects) + 1
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    file += f"xref\n0 {count}\n0000000000 65535 f \n{entries}"
    trailer = f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{file.index('xref')}\n%%EOF\n"
    return (file + trailer).encode("ascii")


if __name__ == "__main__":
    main()
