# SPDX-License-Identifier: ISC
"""A certificate authority and the certificates, good and bad, of the test servers.

certs.ensure() makes them once under build/certs and returns their paths:

    made = certs.ensure()
    made.ca             what a client is to trust
    made.good.cert      PEM; for localhost, 127.0.0.1 and ::1
    made.good.key
"""

import datetime
import fcntl
import hashlib
import ipaddress
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import BUILD

LONG_AGO = datetime.datetime(2020, 1, 1)
EXPIRED = datetime.datetime(2021, 1, 1)
FUTURE = datetime.datetime(2090, 1, 1)
FAR_AWAY = datetime.datetime(2099, 12, 31)

LOCALHOST = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """The paths; each pair is signed by `ca` and for localhost, but for what its name says."""

    ca: Path
    good: Pair
    expired: Pair
    not_yet_valid: Pair
    other_host: Pair  # names mail.example.net only
    common_name_only: Pair  # CN=localhost and no subjectAltName
    self_signed: Pair
    unknown_ca: Pair  # signed by an authority that is not `ca`
    client_only: Pair  # extended key usage clientAuth; also the client's certificate for EXTERNAL
    weak_key: Pair  # RSA with 1024 bits


@dataclass(frozen=True)
class Leaf:
    """How one certificate differs from the good one."""

    names: tuple = LOCALHOST
    common_name: str = "localhost"
    not_before: datetime.datetime = LONG_AGO
    not_after: datetime.datetime = FAR_AWAY
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    rsa_bits: int = 0
    issuer: str = "ca"


LEAVES = {
    "good": Leaf(),
    "expired": Leaf(not_after=EXPIRED),
    "not_yet_valid": Leaf(not_before=FUTURE),
    "other_host": Leaf(names=(x509.DNSName("mail.example.net"),), common_name="mail.example.net"),
    "common_name_only": Leaf(names=()),
    "self_signed": Leaf(issuer="itself"),
    "unknown_ca": Leaf(issuer="another ca"),
    "client_only": Leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
    "weak_key": Leaf(rsa_bits=1024),
}


class Authority:
    """A self-signed certificate authority."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )
        self.cert = (
            _builder(self.name, self.key, LONG_AGO, FAR_AWAY)
            .issuer_name(self.name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )


def ensure():
    """Makes the certificates unless they are there, and returns their paths."""
    folder = BUILD / "certs"
    stamp = folder / "stamp"
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "certs.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != version:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _make_all(folder)
            stamp.write_text(version)
    pairs = {name: Pair(folder / f"{name}.pem", folder / f"{name}.key") for name in LEAVES}
    return Certificates(ca=folder / "ca.pem", **pairs)


def _make_all(folder):
    issuers = {"ca": Authority("sendoff test CA"), "another ca": Authority("sendoff other test CA")}
    (folder / "ca.pem").write_bytes(_pem(issuers["ca"].cert))
    for name, leaf in LEAVES.items():
        key = _new_key(leaf)
        (folder / f"{name}.pem").write_bytes(_pem(_sign(leaf, key, issuers)))
        _write_key(folder / f"{name}.key", key)


def _sign(leaf, key, issuers):
    subject = _name(leaf.common_name)
    builder = (
        _builder(subject, key, leaf.not_before, leaf.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([leaf.purpose]), critical=False)
    )
    if leaf.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(leaf.names), critical=False)
    if leaf.issuer == "itself":
        return builder.issuer_name(subject).sign(key, hashes.SHA256())
    authority = issuers[leaf.issuer]
    return builder.issuer_name(authority.name).sign(authority.key, hashes.SHA256())


def _builder(subject, key, not_before, not_after):
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _new_key(leaf):
    if leaf.rsa_bits:
        return rsa.generate_private_key(public_exponent=65537, key_size=leaf.rsa_bits)
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def _write_key(path, key):
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(pem)
