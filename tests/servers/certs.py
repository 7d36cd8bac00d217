# SPDX-License-Identifier: ISC
"""A certificate authority and the certificates, good and bad, of the test servers.

certs.ensure() makes them once under build/certs and returns their paths:

    made = certs.ensure()
    made.ca             what a client is to trust
    made.good.cert      PEM; for localhost, 127.0.0.1 and ::1
    made.good.key
    fingerprint(made.good.cert), key_pin(made.good.cert)
"""

import base64
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
    another_ca: Path
    intermediate: Path
    new_root: Path  # also signed by an old root that nobody has any more
    twins: Path  # two authorities of the same name
    revoked_list: Path  # a CRL of `ca`
    outdated_list: Path  # the same, which should have been renewed years ago
    good: Pair
    expired: Pair
    not_yet_valid: Pair
    other_host: Pair  # names mail.example.net only
    common_name_only: Pair  # CN=localhost and no subjectAltName
    self_signed: Pair
    unknown_ca: Pair  # signed by an authority that is not `ca`
    client_only: Pair  # extended key usage clientAuth; also the client's certificate for EXTERNAL
    weak_key: Pair  # RSA with 1024 bits
    revoked: Pair
    must_staple: Pair  # demands an OCSP staple (RFC 7633)
    deep: Pair  # by an intermediate authority, whose certificate is in the file too
    deep_alone: Pair  # the same without it
    cross_signed: Pair  # by new_root; the file has its certificate by the old root
    second_twin: Pair  # by the second of the twins
    itself_an_authority: Pair  # self-signed, and may sign others
    with_ca: Pair  # for mail.example.net; the file has `ca` too
    with_strange_ca: Pair  # for mail.example.net, by another_ca; the file has `ca` all the same


@dataclass(frozen=True)
class Leaf:
    """How one certificate differs from the good one."""

    names: tuple = LOCALHOST
    common_name: str = "localhost"
    not_before: datetime.datetime = LONG_AGO
    not_after: datetime.datetime = FAR_AWAY
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    rsa_bits: int = 0
    issuer: str = "ca"  # in AUTHORITIES; or itself
    chain: tuple = ()  # what else is in the file: names in AUTHORITIES
    staple: bool = False
    may_sign: bool = False


MAIL = (x509.DNSName("mail.example.net"),)

# Name: common name, issuer (itself where there is none), whose key it has (its own where there is none).
AUTHORITIES = {
    "ca": ("sendoff test CA", None, None),
    "another_ca": ("sendoff other test CA", None, None),
    "intermediate": ("sendoff test intermediate", "ca", None),
    "old_root": ("sendoff old test root", None, None),
    "new_root": ("sendoff new test root", None, None),
    "new_by_old": ("sendoff new test root", "old_root", "new_root"),
    "twin": ("sendoff twin test CA", None, None),
    "second_twin": ("sendoff twin test CA", None, None),
}


LEAVES = {
    "good": Leaf(),
    "expired": Leaf(not_after=EXPIRED),
    "not_yet_valid": Leaf(not_before=FUTURE),
    "other_host": Leaf(names=MAIL, common_name="mail.example.net"),
    "common_name_only": Leaf(names=()),
    "self_signed": Leaf(issuer="itself"),
    "unknown_ca": Leaf(issuer="another_ca"),
    "client_only": Leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
    "weak_key": Leaf(rsa_bits=1024),
    "revoked": Leaf(),
    "must_staple": Leaf(staple=True),
    "deep": Leaf(issuer="intermediate", chain=("intermediate",)),
    "deep_alone": Leaf(issuer="intermediate"),
    "cross_signed": Leaf(issuer="new_root", chain=("new_by_old",)),
    "second_twin": Leaf(issuer="second_twin"),
    "itself_an_authority": Leaf(issuer="itself", may_sign=True),
    "with_ca": Leaf(names=MAIL, chain=("ca",)),
    "with_strange_ca": Leaf(names=MAIL, issuer="another_ca", chain=("ca",)),
}


class Authority:
    """A certificate authority: self-signed, or signed by another one."""

    def __init__(self, name, issuer=None, key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        issuer = issuer or self
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )
        self.cert = (
            _builder(self.name, self.key, LONG_AGO, FAR_AWAY)
            .issuer_name(issuer.name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage, critical=True)
            .sign(issuer.key, hashes.SHA256())
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
    files = {name: folder / f"{name}.pem" for name in ("revoked_list", "outdated_list")}
    roots = {name: folder / f"authority-{name}.pem" for name in ("another_ca", "intermediate", "new_root", "twins")}
    return Certificates(ca=folder / "ca.pem", **roots, **files, **pairs)


def octets(path):
    """The first certificate in the file, DER."""
    return _first(path).public_bytes(serialization.Encoding.DER)


def digest(data, algorithm):
    """The digest, in octets."""
    return hashlib.new(algorithm, data).digest()


def fingerprint(path, algorithm="sha256"):
    """The digest of the first certificate in the file, in hexadecimal."""
    return digest(octets(path), algorithm).hex()


def public_key(path):
    """The key of the first certificate in the file (SubjectPublicKeyInfo, DER)."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _first(path).public_key().public_bytes(serialization.Encoding.DER, form)


def key_pin(path):
    """The pin of that key, as `tls_fingerprint` takes it."""
    return "sha256//" + base64.b64encode(digest(public_key(path), "sha256")).decode()


def _first(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def _make_all(folder):
    made = {}
    for name, (common_name, issuer, key) in AUTHORITIES.items():
        made[name] = Authority(common_name, made.get(issuer), made[key].key if key else None)
        (folder / f"authority-{name}.pem").write_bytes(_pem(made[name].cert))
    (folder / "ca.pem").write_bytes(_pem(made["ca"].cert))
    (folder / "authority-twins.pem").write_bytes(_pem(made["twin"].cert) + _pem(made["second_twin"].cert))
    for name, leaf in LEAVES.items():
        key = _new_key(leaf)
        cert = _sign(leaf, key, made)
        (folder / f"{name}.pem").write_bytes(_pem(cert) + b"".join(_pem(made[other].cert) for other in leaf.chain))
        _write_key(folder / f"{name}.key", key)
        if name == "revoked":
            (folder / "revoked_list.pem").write_bytes(_revocation(made["ca"], cert, FAR_AWAY))
            (folder / "outdated_list.pem").write_bytes(_revocation(made["ca"], cert, EXPIRED))


def _sign(leaf, key, issuers):
    subject = _name(leaf.common_name)
    builder = (
        _builder(subject, key, leaf.not_before, leaf.not_after)
        .add_extension(x509.BasicConstraints(ca=leaf.may_sign, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([leaf.purpose]), critical=False)
    )
    if leaf.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(leaf.names), critical=False)
    if leaf.staple:
        builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    if leaf.issuer == "itself":
        return builder.issuer_name(subject).sign(key, hashes.SHA256())
    authority = issuers[leaf.issuer]
    return builder.issuer_name(authority.name).sign(authority.key, hashes.SHA256())


def _revocation(authority, cert, next_update):
    """A list, PEM, that has this one certificate."""
    entry = x509.RevokedCertificateBuilder().serial_number(cert.serial_number).revocation_date(LONG_AGO).build()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.name)
        .last_update(LONG_AGO)
        .next_update(next_update)
        .add_revoked_certificate(entry)
        .sign(authority.key, hashes.SHA256())
    )
    return crl.public_bytes(serialization.Encoding.PEM)


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
