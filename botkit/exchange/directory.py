"""Who exists: connections, telephony credentials, applications, trunks, and the numbers that reach them.

Rules that hold at all times: a SIP user name is one identity's, a number belongs to one owner at most, an id is
given once. What is refused is refused by `CommandRefused`, as the REST side says it.

Bots are made on the spot (`add_user`): a credential connection that others may call by name and by number.
Their numbers may be patterns (`+1800*`), and `any` reaches one from every number that nobody else has.
"""

from __future__ import annotations

import hmac
import secrets
import string
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from botkit.clock import Clock, MonotonicClock
from botkit.exchange.address import plain_address
from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.connections import (
    CredentialConnection,
    Identity,
    Inbound,
    Origin,
    Owner,
    PhoneNumber,
    TelephonyCredential,
    Trunk,
)
from botkit.exchange.refusal import CommandRefused, not_found
from botkit.exchange.route import INSIDE, Route, ToIdentity, find_route
from botkit.exchange.tokens import Tokens
from botkit.signalling.auth import Credentials, Password, Token
from botkit.signalling.auth import TelephonyCredential as TelephonyLogin

PLATFORM_HOST = "sip.telnyx.com"
"""The host of the platform's SIP addresses; an application's subdomain stands before it."""

_NAME_SIGNS = string.ascii_letters + string.digits

T = TypeVar("T", bound=CredentialConnection | VoiceApplication | TexmlApplication)


def is_pattern(number: str) -> bool:
    """Whether it stands for more than itself."""
    return number == "any" or any(sign in number for sign in "*?[")


class Directory:
    """All of them by id, and identities by name. `hosts` are the names that this exchange answers to."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._tokens = Tokens()
        self.connections: dict[str, CredentialConnection] = {}
        self.credentials: dict[str, TelephonyCredential] = {}
        self.voice_applications: dict[str, VoiceApplication] = {}
        self.texml_applications: dict[str, TexmlApplication] = {}
        self.trunks: dict[str, Trunk] = {}
        self.numbers: dict[str, PhoneNumber] = {}
        """By the number itself, without signs."""
        self.patterns: list[tuple[str, CredentialConnection]] = []
        """Bots' patterns with whom they reach, in the order in which they came."""
        self.hosts: set[str] = {PLATFORM_HOST, "localhost", "127.0.0.1", "::1"}
        self.changed: Callable[[str], None] = lambda _name: None
        """Is told the SIP user name behind which something has changed: its logins may be good no more."""
        self._names: dict[str, Identity] = {}

    def __iter__(self) -> Iterator[CredentialConnection]:
        return iter(self.connections.values())

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.wall()

    # --- making --------------------------------------------------------------------------------------

    def add_user(
        self, name: str, *, password: str | None = None, numbers: tuple[str, ...] = (), caller_number: str = ""
    ) -> CredentialConnection:
        """Make a bot's connection, or give the one of this name further numbers. Without a password, one is
        made up. It can be called by its name, and its numbers reach it; one that is another's stays so."""
        known = self._names.get(name)
        if known is None:
            user = CredentialConnection(
                user_name=name,
                password=password or secrets.token_urlsafe(12),
                connection_name=name,
                sip_uri_calling_preference="internal",
                inbound=Inbound(dnis_number_format="sip_username"),
                caller_number=caller_number,
            )
            self.add_connection(user)
        else:
            if known.credential is not None or isinstance(known.connection, Trunk):
                raise CommandRefused("10015", f"The name {name} is in use.", pointer="/user_name")
            user = known.connection
            if password is not None:
                user.password = password
        for number in numbers:
            self.add_number(number, user)
        return user

    def add_connection(self, connection: CredentialConnection) -> CredentialConnection:
        """Take a connection in. Raises `CommandRefused` when its user name is taken."""
        self._claim(Identity(connection.user_name, connection), "/user_name")
        self._stamp(connection)
        self.connections[connection.id] = connection
        return connection

    def add_credential(
        self, connection: CredentialConnection, *, name: str = "", tag: str = "", expires_at: float | None = None
    ) -> TelephonyCredential:
        """A new telephony credential of a connection, its SIP user name and password generated."""
        return self.take_credential(self.generate_credential(connection.id, name=name, tag=tag, expires_at=expires_at))

    def generate_credential(
        self, connection_id: str, *, name: str = "", tag: str = "", expires_at: float | None = None
    ) -> TelephonyCredential:
        """A telephony credential that is not taken in yet."""
        made = "".join(secrets.choice(_NAME_SIGNS) for _ in range(41))
        return TelephonyCredential(
            id=str(uuid.uuid4()),
            connection_id=connection_id,
            sip_username=f"gencred{made}",
            sip_password=secrets.token_hex(16),
            name=name,
            tag=tag,
            expires_at=expires_at,
        )

    def take_credential(self, credential: TelephonyCredential) -> TelephonyCredential:
        """Take in a credential that was made elsewhere (settings name theirs). Its connection must be known."""
        connection = self.connection(credential.connection_id)
        self._claim(Identity(credential.sip_username, connection, "credential", credential), "/sip_username")
        self._stamp(credential)
        self.credentials[credential.id] = credential
        return credential

    def add_token(self, credential: TelephonyCredential) -> str:
        """A new JWT of a telephony credential."""
        return self._tokens.make(credential, self.now())

    def add_voice_application(self, application: VoiceApplication) -> VoiceApplication:
        """Take an application in."""
        self._stamp(application)
        self.voice_applications[application.id] = application
        return application

    def add_texml_application(self, application: TexmlApplication) -> TexmlApplication:
        """Take an application in."""
        self._stamp(application)
        self.texml_applications[application.id] = application
        return application

    def add_trunk(
        self, name: str, *, password: str | None = None, numbers: tuple[str, ...] = (), caller_number: str = ""
    ) -> Trunk:
        """A new outside line that carries these numbers and patterns. Raises `CommandRefused` for a taken name."""
        plain = tuple(plain_address(number) for number in numbers)
        secret = password or secrets.token_urlsafe(12)
        trunk = Trunk(name=name, password=secret, numbers=plain, caller_number=caller_number)
        self._claim(Identity(name, trunk), "/name")
        self.trunks[trunk.id] = trunk
        return trunk

    def add_number(self, number: str, owner: Owner | None) -> PhoneNumber | None:
        """Give `owner` a number, or a bot a pattern. One that is another's stays so; `assign` moves it."""
        plain = plain_address(number)
        if is_pattern(plain):
            if not isinstance(owner, CredentialConnection):
                raise CommandRefused("10015", f"{number} is a pattern, which only users may have.")
            if (plain, owner) not in self.patterns:
                self.patterns.append((plain, owner))
            return None
        known = self.numbers.get(plain)
        if known is None:
            known = self.numbers[plain] = PhoneNumber(
                phone_number=plain, connection_id=owner.id if owner is not None else ""
            )
            self._stamp(known)
        elif owner is not None and self.owner(known.connection_id) is None:
            self.assign(known, owner)
        return known

    def _claim(self, identity: Identity, pointer: str) -> None:
        if identity.name in self._names:
            raise CommandRefused("10015", f"The name {identity.name} is in use.", pointer=pointer)
        self._names[identity.name] = identity

    def _stamp(self, made: CredentialConnection | TelephonyCredential | PhoneNumber | Owner) -> None:
        made.created_at = made.updated_at = self.now()

    # --- finding ---------------------------------------------------------------------------------------

    def connection(self, ident: str) -> CredentialConnection:
        """The credential connection of that id. Raises `CommandRefused` (404)."""
        return _known(self.connections, ident)

    def credential(self, ident: str) -> TelephonyCredential:
        """The telephony credential of that id. Raises `CommandRefused` (404)."""
        found = self.credentials.get(ident)
        if found is None:
            raise not_found("The resource")
        return found

    def owner(self, ident: str) -> Owner | None:
        """The connection or application of that id, if there is one."""
        return self.connections.get(ident) or self.voice_applications.get(ident) or self.texml_applications.get(ident)

    def number(self, ident: str) -> PhoneNumber:
        """The number of that id, or with that text. Raises `CommandRefused` (404)."""
        found = next((number for number in self.numbers.values() if number.id == ident), None)
        if found is None and (found := self.numbers.get(plain_address(ident))) is None:
            raise not_found("The resource")
        return found

    def numbers_of(self, owner: Owner) -> tuple[str, ...]:
        """The numbers and patterns that reach `owner`."""
        plain = [number.phone_number for number in self.numbers.values() if number.connection_id == owner.id]
        return (*plain, *(pattern for pattern, user in self.patterns if user is owner))

    def identity(self, name: str) -> Identity | None:
        """Whom a SIP user name stands for; None for nobody."""
        return self._names.get(name)

    # --- changing --------------------------------------------------------------------------------------

    def assign(self, number: PhoneNumber, owner: Owner | None) -> None:
        """Move a number to another owner, or to none."""
        number.connection_id = owner.id if owner is not None else ""
        number.updated_at = self.now()

    def rename(self, connection: CredentialConnection, user_name: str) -> None:
        """Give a connection another SIP user name; who is logged in under the old one is so no more."""
        if user_name == connection.user_name:
            return
        self._claim(Identity(user_name, connection), "/user_name")
        old, connection.user_name = connection.user_name, user_name
        self._release(old)

    def touch(self, changed: CredentialConnection | TelephonyCredential | Owner | PhoneNumber) -> None:
        """Something of it has been changed: logins that are good no more end."""
        changed.updated_at = self.now()
        if isinstance(changed, TelephonyCredential):
            # It may have moved to another connection.
            connection = self.connection(changed.connection_id)
            self._names[changed.sip_username] = Identity(changed.sip_username, connection, "credential", changed)
            self.changed(changed.sip_username)
        elif isinstance(changed, CredentialConnection):
            for name in self._names_of(changed):
                self.changed(name)

    def delete(self, gone: Owner | TelephonyCredential | Trunk) -> None:
        """Take it out. Its logins end, its numbers are nobody's; the credentials of a connection go with it."""
        if isinstance(gone, TelephonyCredential):
            del self.credentials[gone.id]
            self._release(gone.sip_username)
            return
        if isinstance(gone, Trunk):
            del self.trunks[gone.id]
            self._release(gone.name)
            return
        for number in self.numbers.values():
            if number.connection_id == gone.id:
                self.assign(number, None)
        if isinstance(gone, VoiceApplication):
            del self.voice_applications[gone.id]
        elif isinstance(gone, TexmlApplication):
            del self.texml_applications[gone.id]
        else:
            self.patterns = [entry for entry in self.patterns if entry[1] is not gone]
            del self.connections[gone.id]
            for credential in [one for one in self.credentials.values() if one.connection_id == gone.id]:
                self.delete(credential)
            self._release(gone.user_name)

    def _release(self, name: str) -> None:
        del self._names[name]
        self.changed(name)

    def _names_of(self, connection: CredentialConnection) -> list[str]:
        return [name for name, identity in self._names.items() if identity.connection is connection]

    # --- logging in --------------------------------------------------------------------------------------

    def authenticate(self, credentials: Credentials, now: float | None = None) -> Identity | None:
        """Whom these credentials belong to at `now` (seconds since 1970; None: now); None for nobody, whichever
        part of them was wrong, and also for what has expired, was revoked or is switched off."""
        now = self.now() if now is None else now
        identity: Identity | None = None
        if isinstance(credentials, Token):
            identity = self._by_token(credentials.token, now)
        elif isinstance(credentials, Password):
            identity = self._by_password(credentials.login, credentials.password)
        elif isinstance(credentials, TelephonyLogin):
            identity = self._by_password(credentials.sip_username, credentials.sip_password)
        return identity if identity is not None and self.stands(identity, now) else None

    def stands(self, identity: Identity, now: float | None = None) -> bool:
        """Whether a login as `identity` is still good: not deleted, not expired, not switched off."""
        now = self.now() if now is None else now
        known = self._names.get(identity.name)
        if known is None or known.credential is not identity.credential:
            return False
        if known.connection is not identity.connection or not known.connection.active:
            return False
        return identity.credential is None or not identity.credential.is_expired(now)

    def _by_token(self, token: str, now: float) -> Identity | None:
        credential = self.credentials.get(self._tokens.credential_id(token, now) or "")
        if credential is None:
            return None
        return Identity(credential.sip_username, self.connection(credential.connection_id), "token", credential)

    def _by_password(self, login: str, given: str) -> Identity | None:
        identity = self._names.get(login) or self._by_number(login)
        if identity is None:
            expected = secrets.token_urlsafe(12)  # so that an unknown name takes as long as a wrong password
        elif identity.credential is not None:
            expected = identity.credential.sip_password
        else:
            expected = identity.connection.password
        # "surrogatepass": JSON may hold half characters, and a wrong password is no error of ours.
        same = hmac.compare_digest(expected.encode(errors="surrogatepass"), given.encode(errors="surrogatepass"))
        return identity if same else None

    def _by_number(self, login: str) -> Identity | None:
        """A number on a connection is another name for the connection's user."""
        number = self.numbers.get(plain_address(login))
        connection = self.connections.get(number.connection_id) if number is not None else None
        return self._names[connection.user_name] if connection is not None else None

    # --- reaching ------------------------------------------------------------------------------------------

    def route(self, destination: str, origin: Origin = INSIDE) -> Route:
        """What a dialled address reaches, for a call from `origin`."""
        return find_route(self, destination, origin)

    def reach(self, destination: str) -> CredentialConnection | None:
        """The connection whose client an address reaches from within the account; None where it reaches no client."""
        route = self.route(destination)
        return route.connection if isinstance(route, ToIdentity) else None


def _known(kind: dict[str, T], ident: str) -> T:
    found = kind.get(ident)
    if found is None:
        raise not_found("The resource")
    return found
