"""What an exchange is to hold from the beginning: the `exchange:` part of botkit.yaml, as models, and filled in.

Members have the names that REST has for them; here things have names, and refer to each other by them. `faults`
finds what a model of one thing cannot see: two owners of a number, a credential of a connection that is not there.
"""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from botkit.exchange.address import plain_address
from botkit.exchange.applications import TexmlApplication, VoiceApplication, new_id
from botkit.exchange.connections import CredentialConnection, Owner, TelephonyCredential
from botkit.exchange.directory import is_pattern
from botkit.exchange.rest.applications import NeededUrl, TexmlApplicationUpdate, VoiceApplicationUpdate
from botkit.exchange.rest.connections import ConnectionUpdate, Secret, user_name
from botkit.exchange.rest.envelope import seconds_of
from botkit.exchange.rest.resources import take
from botkit.exchange.webhooks.signing import SigningKey

if TYPE_CHECKING:
    from botkit.exchange.exchange import Exchange

log = logging.getLogger("botkit.exchange")

DEMO_KEY = bytes(range(32))
"""The private half of the signing key called `demo`. Everybody knows it: its public half may stand in examples."""

DEMO = "demo"


def _list(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


def _known_time(text: str) -> str:
    try:
        seconds_of(text, "")
    except Exception as error:
        raise ValueError(str(error).partition(": ")[2]) from None
    return text


def _key(text: str) -> str:
    if text != DEMO:
        signing_key(text)
    return text


def signing_key(text: str) -> SigningKey:
    """The key of that text: `demo`, or the base64 of a private key's 32 bytes. Raises `ValueError`."""
    if text == DEMO:
        return SigningKey(DEMO_KEY)
    try:
        return SigningKey(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("it must be the base64 of 32 bytes, or the word demo") from None


def key_of(plan: ExchangePlan) -> SigningKey | None:
    """The key that a plan names; None where it names none."""
    return signing_key(plan.signing_key) if plan.signing_key is not None else None


Mapping = BeforeValidator(lambda value: {} if value is None else value)
Numbers = Annotated[list[str], BeforeValidator(_list)]
Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
Time = Annotated[str, AfterValidator(_known_time)]
Path = tuple[str | int, ...]


class UserPlan(BaseModel):
    """Somebody who can be called by name and by number, with no more ado."""

    password: str | None = None
    numbers: Numbers = Field(default_factory=list)
    caller_id: str = ""


class ConnectionPlan(ConnectionUpdate):
    """A credential connection as REST makes them; its key is the user name."""

    password: Secret | None = None
    id: Id | None = None
    numbers: Numbers = Field(default_factory=list)
    caller_id: str = ""


class CredentialPlan(BaseModel):
    """A telephony credential; its key is its name. What is not given is generated."""

    connection: str
    sip_username: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{3,}$")] | None = None
    sip_password: str | None = None
    tag: str = ""
    expires_at: Time | None = None
    id: str | None = None


class VoicePlan(VoiceApplicationUpdate):
    """A Voice API application; its key is its name."""

    webhook_event_url: NeededUrl
    id: Id | None = None
    numbers: Numbers = Field(default_factory=list)


class TexmlPlan(TexmlApplicationUpdate):
    """A TeXML application; its key is its name."""

    voice_url: NeededUrl
    id: Id | None = None
    numbers: Numbers = Field(default_factory=list)


class ApplicationsPlan(BaseModel):
    """Applications by kind and name."""

    voice: Annotated[dict[str, VoicePlan], Mapping] = Field(default_factory=dict)
    texml: Annotated[dict[str, TexmlPlan], Mapping] = Field(default_factory=dict)


class TrunkPlan(BaseModel):
    """An outside line; its key is the user name that its client logs in with."""

    password: str | None = None
    numbers: Numbers = Field(default_factory=list)
    caller_id: str = ""


class ExchangePlan(BaseModel):
    """All of it."""

    users: Annotated[dict[str, UserPlan | None], Mapping] = Field(default_factory=dict)
    connections: Annotated[dict[str, ConnectionPlan | None], Mapping] = Field(default_factory=dict)
    telephony_credentials: Annotated[dict[str, CredentialPlan], Mapping] = Field(default_factory=dict)
    applications: Annotated[ApplicationsPlan, Mapping] = Field(default_factory=ApplicationsPlan)
    trunks: Annotated[dict[str, TrunkPlan | None], Mapping] = Field(default_factory=dict)
    numbers: Numbers = Field(default_factory=list)
    api_keys: Numbers = Field(default_factory=list)
    signing_key: Annotated[str, AfterValidator(_key)] | None = None
    fallback: Literal["previous", "none"] = "previous"
    account_sid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None

    def owners(self) -> Iterator[tuple[Path, Sequence[str]]]:
        """Where numbers are given to somebody, and which."""
        for name, user in self.users.items():
            yield ("users", name), user.numbers if user is not None else ()
        for name, connection in self.connections.items():
            yield ("connections", name), connection.numbers if connection is not None else ()
        for name, voice in self.applications.voice.items():
            yield ("applications", "voice", name), voice.numbers
        for name, texml in self.applications.texml.items():
            yield ("applications", "texml", name), texml.numbers

    def faults(self) -> Iterator[tuple[Path, str]]:
        """What does not go together: where, and what is wrong."""
        yield from self._number_faults()
        yield from self._name_faults()
        for name, credential in self.telephony_credentials.items():
            if credential.connection not in self.connections and credential.connection not in self.users:
                says = f"there is no connection {credential.connection!r}"
                yield ("telephony_credentials", name, "connection"), says

    def _number_faults(self) -> Iterator[tuple[Path, str]]:
        owner_of: dict[str, str] = {}
        for where, numbers in self.owners():
            for place, number in enumerate(numbers):
                path, plain = (*where, "numbers", place), plain_address(number)
                if is_pattern(plain):
                    if where[0] != "users":
                        yield path, f"{number} is a pattern, which only users and trunks may have"
                elif plain in owner_of:
                    yield path, f"{number} is {owner_of[plain]}'s already"
                else:
                    owner_of[plain] = str(where[-1])
        for place, number in enumerate(self.numbers):
            if is_pattern(plain_address(number)):
                yield ("numbers", place), f"{number} is a pattern, which only users and trunks may have"

    def _name_faults(self) -> Iterator[tuple[Path, str]]:
        taken: dict[str, str] = {}
        names = [(name, ("users", name)) for name in self.users]
        names += [(name, ("connections", name)) for name in self.connections]
        names += [(name, ("trunks", name)) for name in self.trunks]
        names += [
            (one.sip_username, ("telephony_credentials", key))
            for key, one in self.telephony_credentials.items()
            if one.sip_username is not None
        ]
        for name, path in names:
            if name in taken:
                yield path, f"the name {name!r} stands under {taken[name]} already"
            taken.setdefault(name, path[0])
        for name, connection in self.connections.items():
            if connection is not None and connection.user_name is not None:
                yield ("connections", name, "user_name"), "the user name is the key itself; leave this out"
            try:
                user_name(name)
            except ValueError as error:
                yield ("connections", name), str(error)


@dataclass(slots=True)
class Made:
    """What somebody must be told of what was made: passwords that were made up, and ids, by name."""

    passwords: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


def fill(exchange: Exchange, plan: ExchangePlan) -> Made:
    """Make in an exchange what the plan says. The plan has no `faults`; who is there before stays as it is."""
    made, directory = Made(), exchange.directory
    for name, user in plan.users.items():
        _user(exchange, name, user or UserPlan(), made)
    for name, connection in plan.connections.items():
        if _is_new(exchange, name):
            _connection(exchange, name, connection or ConnectionPlan(), made)
    for name, voice in plan.applications.voice.items():
        application = VoiceApplication(application_name=name, webhook_event_url="", id=voice.id or new_id())
        take(application, _members(voice))
        _own(exchange, directory.add_voice_application(application), voice.numbers, name, made)
    for name, texml in plan.applications.texml.items():
        document = TexmlApplication(friendly_name=name, voice_url="", id=texml.id or new_id())
        take(document, _members(texml))
        _own(exchange, directory.add_texml_application(document), texml.numbers, name, made)
    for name, trunk in plan.trunks.items():
        if _is_new(exchange, name):
            _trunk(exchange, name, trunk or TrunkPlan(), made)
    for name, credential in plan.telephony_credentials.items():
        if credential.sip_username is None or _is_new(exchange, credential.sip_username):
            _credential(exchange, name, credential, made)
    for number in plan.numbers:
        directory.add_number(number, None)
    if plan.api_keys:
        exchange.api_keys[:] = plan.api_keys
    exchange.registrar.fallback = plan.fallback
    if plan.account_sid is not None:
        exchange.texml.calls.account_sid = plan.account_sid
    return made


def _is_new(exchange: Exchange, name: str) -> bool:
    if exchange.directory.identity(name) is None:
        return True
    log.warning("exchange.name_taken name=%s by=bot", name)
    return False


def _user(exchange: Exchange, name: str, plan: UserPlan, made: Made) -> None:
    is_new = _is_new(exchange, name)
    user = exchange.directory.add_user(
        name,
        password=plan.password if is_new else None,
        numbers=tuple(plan.numbers),
        caller_number=plan.caller_id,
    )
    if is_new and plan.password is None:
        made.passwords[name] = user.password


def _trunk(exchange: Exchange, name: str, plan: TrunkPlan, made: Made) -> None:
    trunk = exchange.directory.add_trunk(
        name, password=plan.password, numbers=tuple(plan.numbers), caller_number=plan.caller_id
    )
    if plan.password is None:
        made.passwords[name] = trunk.password


def _members(plan: ConnectionPlan | VoicePlan | TexmlPlan) -> dict[str, Any]:
    """The members that REST would take too."""
    own = ("id", "numbers", "caller_id", "password", "user_name")
    return {name: value for name, value in plan.given().items() if name not in own}


def _connection(exchange: Exchange, name: str, plan: ConnectionPlan, made: Made) -> None:
    user = CredentialConnection(
        user_name=name, password="", connection_name=name, id=plan.id or new_id(), caller_number=plan.caller_id
    )
    take(user, _members(plan))
    user.password = plan.password or secrets.token_urlsafe(12)
    if plan.password is None:
        made.passwords[name] = user.password
    _own(exchange, exchange.directory.add_connection(user), plan.numbers, name, made)


def _own(exchange: Exchange, owner: Owner, numbers: Sequence[str], name: str, made: Made) -> None:
    for number in numbers:
        exchange.directory.add_number(number, owner)
    made.ids[name] = owner.id


def _credential(exchange: Exchange, name: str, plan: CredentialPlan, made: Made) -> None:
    directory = exchange.directory
    owner = directory.identity(plan.connection)
    assert owner is not None  # `faults` has looked
    expires_at = seconds_of(plan.expires_at, "/expires_at") if plan.expires_at else None
    generated = directory.generate_credential(owner.connection.id, name=name, tag=plan.tag, expires_at=expires_at)
    credential = TelephonyCredential(
        id=plan.id or generated.id,
        connection_id=generated.connection_id,
        sip_username=plan.sip_username or generated.sip_username,
        sip_password=plan.sip_password or generated.sip_password,
        name=name,
        tag=plan.tag,
        expires_at=expires_at,
    )
    directory.take_credential(credential)
    made.ids[name] = credential.id
    if plan.sip_password is None:
        made.passwords[credential.sip_username] = credential.sip_password
