"""tagtog's HTTP API: one method per call. Every answer is checked before it is used.

Facts: tagtog's API documentation (documents v1, annotation versions v0, settings v1, metrics v0). An
answer that isn't what was asked for raises; nothing is guessed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typing_extensions import Self

from spacy_tagtog._options import DEFAULT_THREADS
from spacy_tagtog.client._address import is_loopback, normalised, origin
from spacy_tagtog.client._http import Transport
from spacy_tagtog.client._members import MemberCalls
from spacy_tagtog.client._parallel import check_threads
from spacy_tagtog.client._reading import ReadingCalls
from spacy_tagtog.client._retry import Clock, Retries
from spacy_tagtog.client._uploads import UploadCalls
from spacy_tagtog.client._versions import VersionCalls
from spacy_tagtog.client.credentials import find_credentials
from spacy_tagtog.errors import ConfigurationError


class TagtogClient(ReadingCalls, UploadCalls, VersionCalls, MemberCalls):
    """A tagtog project, over HTTP.

    Use it as a context manager, or call :meth:`close`. Several threads may use it at once: each call has a
    kept-alive connection of its own.

    >>> with TagtogClient.from_environment(project="demo") as tagtog:      # doctest: +SKIP
    ...     for hit in tagtog.search("anncomplete:true AND folder:train"):
    ...         print(hit.id, len(tagtog.annotations(hit.id).entities))

    Args:
        domain: tagtog's address. Without a scheme, ``https://`` is assumed.
        username: The user who logs in.
        password: Their password. It is sent to this domain alone, and never appears in a message.
        project: The project's name.
        owner: The project's owner, by default the user.
        verify: Which certificates to trust: ``True`` for those that Python trusts, or the path of a CA file.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        total_timeout: Seconds that one try of a call may take in all, from the connection to the last byte.
        retries: How often to try again what can safely be repeated.
        rate: At most this many calls per second, for all threads together; by default unlimited.
        threads: The number of concurrent calls where several documents are fetched or pushed.
        allow_http: Send the password over unencrypted HTTP to a machine other than this one.
        name: A stable name of the server, for manifests and errors; by default the domain.
        clock: The time, for tests.

    Raises:
        ConfigurationError: A value can't be used, or the password would go over the network unencrypted.
    """

    def __init__(
        self,
        domain: str,
        *,
        username: str,
        password: str,
        project: str,
        owner: str | None = None,
        verify: bool | Path = True,
        timeout: tuple[float, float] = (10, 60),
        total_timeout: float = 300,
        retries: Retries | None = None,
        rate: float | None = None,
        threads: int = DEFAULT_THREADS,
        allow_http: bool = False,
        name: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        address = normalised(domain)
        for what, value in (
            ("user name", username),
            ("password", password),
            ("project", project),
            ("owner", owner),
        ):
            if value is not None and not value:
                raise ConfigurationError(
                    f"the {what} is empty",
                    legal=f"tagtog's {what}",
                    advice="set it in the environment or on the command line",
                )
        if ":" in username:
            raise ConfigurationError(
                "the user name holds a colon",
                value=username,
                legal="a name without a colon: HTTP Basic authentication ends the name there",
            )
        loopback = is_loopback(address.hostname or "")
        if address.scheme == "http" and not loopback and not allow_http:
            raise ConfigurationError(
                "the password would go over the network unencrypted",
                value=origin(address),
                legal="https://…, or http:// on this machine",
                advice=f"give https://{address.hostname}; or allow_http=True if you trust the network",
            )
        self.domain = origin(address)
        self.owner = owner if owner is not None else username
        self.project = project
        self.name = name if name is not None else self.domain
        check_threads(threads)
        if not total_timeout > 0:
            raise ConfigurationError(
                "the time of a call is too short", value=total_timeout, legal="seconds, more than 0"
            )
        self.threads = threads
        self._legend = None
        self._http = Transport(
            address,
            username=username,
            password=password,
            owner=self.owner,
            project=project,
            verify=verify,
            timeout=timeout,
            total_timeout=total_timeout,
            retries=retries or Retries(),
            rate=rate,
            clock=clock or Clock(),
            name=name or "",
        )

    @classmethod
    def from_environment(
        cls,
        domain: str | None = None,
        *,
        project: str | None = None,
        owner: str | None = None,
        **settings: Any,
    ) -> Self:
        """A client with the settings of the environment, and the password from where it is stored safely.

        Args:
            domain: tagtog's address; by default ``TAGTOG_DOMAIN``.
            project: The project's name; by default ``TAGTOG_PROJECT``.
            owner: Its owner; by default ``TAGTOG_OWNER``, else the user.
            **settings: Other arguments of the class. ``TAGTOG_CA_FILE`` is the default of ``verify``.

        Raises:
            ConfigurationError: A setting is missing. User name and password are looked for as
                :func:`spacy_tagtog.client.find_credentials` says.
        """
        given = {
            "TAGTOG_DOMAIN": domain or os.environ.get("TAGTOG_DOMAIN", ""),
            "TAGTOG_PROJECT": project or os.environ.get("TAGTOG_PROJECT", ""),
        }
        for name, value in given.items():
            if not value:
                raise ConfigurationError(
                    "a setting is missing",
                    value=name,
                    legal=f"the argument, or the environment variable {name}",
                )
        found = find_credentials(given["TAGTOG_DOMAIN"])
        if os.environ.get("TAGTOG_CA_FILE"):
            settings.setdefault("verify", Path(os.environ["TAGTOG_CA_FILE"]))
        return cls(
            given["TAGTOG_DOMAIN"],
            username=found.username,
            password=found.password,
            project=given["TAGTOG_PROJECT"],
            owner=owner or os.environ.get("TAGTOG_OWNER") or None,
            **settings,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TagtogClient: {self.owner}/{self.project} at {self.domain}>"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
