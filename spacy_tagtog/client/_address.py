"""tagtog's address, and the certificates that its server may show."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from spacy_tagtog.errors import ConfigurationError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME: Final = re.compile(r"[\w-]+(\.[\w-]+)*\.?")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin(parts: SplitResult) -> str:
    """Scheme, host and port of an address, without a user name or password in it."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def normalised(domain: str) -> SplitResult:
    """A domain as an address with a scheme, nothing after host and port.

    Raises:
        ConfigurationError: It isn't one.
    """
    legal, advice = (
        "https://HOST or https://HOST:PORT",
        "give tagtog's address alone, such as https://www.tagtog.com",
    )
    text = domain.strip()
    if "@" in text:
        # The value isn't shown: there may be a password in it.
        raise ConfigurationError(
            "tagtog's domain holds a user name or password",
            legal=legal,
            advice="give them as user name and password instead",
        )
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            "tagtog's domain isn't an address", value=domain, legal=legal, advice=advice
        ) from None
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or port == 0 or not (":" in host or _HOST_NAME.fullmatch(host)):
        raise ConfigurationError("tagtog's domain isn't an address", value=domain, legal=legal, advice=advice)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            "tagtog's domain has something after the host",
            value=domain,
            legal=legal,
            advice=f"give {origin(parts)}, and the owner and the project separately",
        )
    return parts


def ca_file(verify: bool | Path | str) -> bool | str:
    """Which certificates to trust, as requests wants it.

    Args:
        verify: ``True``, or the path of a CA file.

    Raises:
        ConfigurationError: The file can't be used, or nothing would be verified.
    """
    if verify is True:
        return True
    if verify is False:
        raise ConfigurationError(
            "the server's certificate must be verified: a password goes over this connection",
            value=False,
            legal="True, or the path of a CA file",
            advice="for a self-signed certificate, give that certificate as the CA file (TAGTOG_CA_FILE)",
        )
    path = Path(verify)
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = (
            "it holds no certificate"
            if isinstance(error, ssl.SSLError)
            else getattr(error, "strerror", None) or error
        )
        raise ConfigurationError(
            f"the CA file can't be used: {reason}",
            place=path,
            legal="a file of certificates in PEM format",
            advice="check TAGTOG_CA_FILE; ask whoever runs your tagtog for the certificate",
        ) from error
    return str(path)
