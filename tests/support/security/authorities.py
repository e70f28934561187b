"""Certificates for tests: of an authority as companies have them, and of a server that it vouches for."""

import datetime
import ipaddress
import ssl
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


def proving(issued: trustme.LeafCert) -> ssl.SSLContext:
    """The context of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """The context of a client that trusts nobody else."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class OldAuthority:
    """One that was made before anybody looked: strict verification wants its constraints marked critical.

    Attributes:
        pem: Its certificate.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Old Company CA")
        lax = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._signed(self._name, self._key.public_key(), lax)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self) -> trustme.LeafCert:
        """A certificate for our loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        certificate = self._signed(_named(HOST), key.public_key(), names)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return trustme.LeafCert(private, certificate.public_bytes(serialization.Encoding.PEM), [])

    def _signed(self, name: x509.Name, key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().issuer_name(self._name).subject_name(name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
