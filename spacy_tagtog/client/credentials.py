"""Where user name and password come from: the environment, a keyring, or netrc."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from spacy_tagtog.client._address import normalised, origin
from spacy_tagtog.client._netrc import NetrcError, find_in_netrc
from spacy_tagtog.errors import ConfigurationError


@dataclass(frozen=True)
class Credentials:
    """A user name and password.

    Attributes:
        username: The user name.
        password: The password. It isn't shown.
        source: Where they were found: ``environment``, ``keyring`` or ``netrc``.
    """

    username: str
    password: str = field(repr=False)
    source: str


def find_credentials(domain: str, *, username: str | None = None) -> Credentials:
    """Find user name and password for a domain.

    The first of these places that has both wins:

    1. the environment: ``TAGTOG_USERNAME`` and ``TAGTOG_PASSWORD``;
    2. the system's keyring, with the domain as the service (needs the extra ``keyring``);
    3. netrc, with the domain's host: the file that ``NETRC`` names, else ``~/.netrc``.

    If the user name is known already, keyring and netrc are searched for that user alone.

    Args:
        domain: tagtog's address.
        username: The user; by default ``TAGTOG_USERNAME``, else whoever is found.

    Raises:
        ConfigurationError: Nothing is found, the domain isn't an address, or netrc can't be read. The message
            never has a secret in it.
    """
    address = normalised(domain)
    name = username or os.environ.get("TAGTOG_USERNAME") or None
    password = os.environ.get("TAGTOG_PASSWORD") or None
    if name and password:
        return Credentials(name, password, "environment")
    service = origin(address)
    found = _from_keyring(service, name) or _from_netrc(address.hostname or "", name)
    if found is not None:
        return found
    missing = "TAGTOG_PASSWORD" if name else "TAGTOG_USERNAME"
    raise ConfigurationError(
        "the password is not set" if name else "the user name is not set",
        value=missing,
        legal=f"the environment variable {missing}; or an entry for {service} in the keyring, "
        f"or for {address.hostname} in netrc",
        advice=f"set it in your shell (read -rs {missing}; export {missing}), "
        f"store it (keyring set {service} {name or 'USER'}), "
        "or leave the domain empty to use the local tagtog",
    )


def _from_keyring(service: str, username: str | None) -> Credentials | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        entry = keyring.get_credential(service, username)
    except keyring.errors.KeyringError:
        # A machine without a keyring, or a locked one: netrc may have it, and if not, the message names both.
        return None
    if entry is None or not entry.username or not entry.password or (username and entry.username != username):
        return None
    return Credentials(entry.username, entry.password, "keyring")


def _from_netrc(host: str, username: str | None) -> Credentials | None:
    named = os.environ.get("NETRC")
    path = Path(named) if named else Path.home() / ".netrc"
    problem = None
    try:
        entry = find_in_netrc(path, host, private=not named)
    except FileNotFoundError:
        return None
    except NetrcError as error:
        where = f"{path}, line {error.line}" if error.line else str(path)
        problem = (f"netrc can't be used: {error.reason}", where)
    except (OSError, UnicodeDecodeError) as error:
        problem = (f"netrc can't be read: {getattr(error, 'strerror', None) or 'it is not text'}", str(path))
    if problem is not None:
        raise ConfigurationError(
            problem[0],
            place=problem[1],
            legal="machine HOST login USER password PASSWORD; readable by you alone",
            advice=f"mend it (chmod 600 {path}), or set TAGTOG_USERNAME and TAGTOG_PASSWORD",
        )
    if entry is None or not entry.login or not entry.password or (username and entry.login != username):
        return None
    return Credentials(entry.login, entry.password, "netrc")
