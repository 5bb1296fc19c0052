"""Who exists, and whom credentials and numbers belong to."""

from __future__ import annotations

import jwt
import pytest

from botkit.exchange.address import plain_address
from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.connections import CredentialConnection, Identity
from botkit.exchange.directory import Directory
from botkit.exchange.refusal import CommandRefused
from botkit.signalling.auth import Anonymous, Credentials, Password, TelephonyCredential, Token
from botkit.testing import ManualClock


def name_of(directory: Directory, dialled: str) -> str | None:
    user = directory.reach(dialled)
    return user.name if user else None


def who(directory: Directory, credentials: Credentials, now: float | None = None) -> str | None:
    """The SIP user name that a login registers."""
    identity = directory.authenticate(credentials, now)
    return identity.name if identity else None


@pytest.fixture
def directory() -> Directory:
    directory = Directory()
    directory.add_user("alice", password="secret", numbers=("+18005550100",))
    directory.add_user("bob", password="hidden", numbers=("+1800*", "10??"))
    return directory


# --- who it is ------------------------------------------------------------------------------------


def test_password(directory: Directory) -> None:
    """A connection's user name and password register that user name."""
    alice = directory.add_user("alice")
    assert directory.authenticate(Password("alice", "secret")) == Identity("alice", alice, "password")


@pytest.mark.parametrize("number", ["+18005550100", "+1 (800) 555-0100"])
def test_number_as_login(directory: Directory, number: str) -> None:
    """A number on a connection with the connection's password registers the connection's user name."""
    assert who(directory, Password(number, "secret")) == "alice"
    assert who(directory, Password(number, "hidden")) is None


def test_number_of_an_application_is_no_login(directory: Directory) -> None:
    """A number that belongs to an application, or to nobody, logs nobody in."""
    application = VoiceApplication(application_name="a", webhook_event_url="http://127.0.0.1/")
    directory.add_number("+15550001", directory.add_voice_application(application))
    directory.add_number("+15550002", None)
    for number in ("+15550001", "+15550002"):
        assert who(directory, Password(number, "")) is None


@pytest.mark.parametrize(
    "credentials",
    [
        Password("alice", "hidden"),
        Password("alice", ""),
        Password("nobody", "secret"),
        Password("", ""),
        Password("alice", "\ud800"),
        Password("\ud800", "secret"),
        Password("+18005550199", "hidden"),  # a pattern's number is no login
        Token("secret"),
        Token(""),
        Token("\ud800"),
        Token("a.b.c"),
        Anonymous("assistant"),
    ],
    ids=repr,
)
def test_wrong_credentials(directory: Directory, credentials: Credentials) -> None:
    """Whatever is wrong about them, the answer is the same: nobody."""
    assert directory.authenticate(credentials) is None


def test_telephony_credential(directory: Directory) -> None:
    """A generated SIP user name and password register that name; the connection's own password does not open it."""
    alice = directory.add_user("alice")
    credential = directory.add_credential(alice)
    assert credential.sip_username.startswith("gencred")
    assert credential.sip_username.isalnum()
    wanted = Identity(credential.sip_username, alice, "credential", credential)
    assert directory.authenticate(Password(credential.sip_username, credential.sip_password)) == wanted
    assert directory.authenticate(TelephonyCredential(credential.sip_username, credential.sip_password)) == wanted
    assert who(directory, Password(credential.sip_username, "secret")) is None


def test_token(directory: Directory) -> None:
    """A token registers its credential's name; any number of them are good at once, each as often as it likes."""
    credential = directory.add_credential(directory.add_user("alice"))
    tokens = {directory.add_token(credential) for _ in range(3)}
    assert len(tokens) == 3
    for token in (*tokens, *tokens):
        assert who(directory, Token(token)) == credential.sip_username


def test_claims() -> None:
    """Header and claims of a token are those of the published sample; the middle part needs no URL-safe signs."""
    clock = ManualClock()
    directory = Directory(clock)
    credential = directory.add_credential(directory.add_user("alice"))
    for _ in range(50):  # they are random
        token = directory.add_token(credential)
        # The JS SDK feeds it to `atob`, which knows neither sign.
        assert not set("-_") & set(token.split(".")[1])
    assert jwt.get_unverified_header(token) == {"alg": "HS512", "typ": "JWT"}
    claims = jwt.decode(token, options={"verify_signature": False})
    now = int(clock.wall())
    assert set(claims) == {"aud", "iss", "sub", "jti", "typ", "tel_token", "iat", "nbf", "exp"}
    assert (claims["aud"], claims["iss"], claims["typ"]) == ("telnyx_telephony", "telnyx_telephony", "access")
    assert (claims["sub"], claims["iat"], claims["nbf"], claims["exp"]) == (credential.id, now, now - 1, now + 86400)


def test_token_expires(directory: Directory) -> None:
    """A token is good for 24 hours, and no longer than its credential."""
    now = directory.now()
    user = directory.add_user("alice")
    long, short = directory.add_credential(user), directory.add_credential(user, expires_at=now + 3600)
    for credential, life in ((long, 86400), (short, 3600)):
        token = Token(directory.add_token(credential))
        assert who(directory, token, now + life - 2) == credential.sip_username
        assert who(directory, token, now + life + 2) is None


def test_token_of_another_server(directory: Directory) -> None:
    """A token that another exchange made, or that says it is not signed, is nobody's."""
    credential = directory.add_credential(directory.add_user("alice"))
    other = Directory()
    other.add_user("alice")
    claims = jwt.decode(directory.add_token(credential), options={"verify_signature": False})
    assert who(directory, Token(jwt.encode(claims, "x" * 64, algorithm="HS512"))) is None
    assert who(directory, Token(jwt.encode(claims, None, algorithm="none"))) is None
    assert who(other, Token(directory.add_token(credential))) is None


def test_expired_credential(directory: Directory) -> None:
    """An expired credential logs nobody in, from the moment on that it says."""
    credential = directory.add_credential(directory.add_user("alice"), expires_at=1000.0)
    login = Password(credential.sip_username, credential.sip_password)
    assert who(directory, login, 999.0) == credential.sip_username
    assert who(directory, login, 1000.0) is None


def test_deleted_credential(directory: Directory) -> None:
    """Deleting a credential revokes it and its tokens, and no other; its name may not be had again by guessing."""
    told: list[str] = []
    directory.changed = told.append
    user = directory.add_user("alice")
    gone, kept = directory.add_credential(user), directory.add_credential(user)
    token, other = directory.add_token(gone), directory.add_token(kept)
    directory.delete(gone)
    assert who(directory, Token(token)) is None
    assert who(directory, Password(gone.sip_username, gone.sip_password)) is None
    assert who(directory, Token(other)) == kept.sip_username
    assert told == [gone.sip_username]
    with pytest.raises(CommandRefused, match="10005"):
        directory.credential(gone.id)


def test_inactive_connection(directory: Directory) -> None:
    """A connection that is switched off logs nobody in, by whatever means."""
    alice = directory.add_user("alice")
    credential = directory.add_credential(alice)
    token = directory.add_token(credential)
    alice.active = False
    name, secret = credential.sip_username, credential.sip_password
    for login in (
        Password("alice", "secret"),
        Password("+18005550100", "secret"),
        Password(name, secret),
        Token(token),
    ):
        assert who(directory, login) is None


def test_deleted_connection(directory: Directory) -> None:
    """A connection that is deleted takes its credentials along, and its numbers are nobody's."""
    alice = directory.add_user("alice")
    credential = directory.add_credential(alice)
    token = directory.add_token(credential)
    directory.delete(alice)
    assert who(directory, Password("alice", "secret")) is None
    assert who(directory, Token(token)) is None
    assert name_of(directory, "+18005550100") == "bob"  # by his pattern
    assert not directory.credentials


def test_login_as_who_is_no_more(directory: Directory) -> None:
    """A login does not stand any more once its user is another one of the same name."""
    identity = directory.authenticate(Password("alice", "secret"))
    assert identity is not None
    assert directory.stands(identity)
    directory.delete(directory.add_user("alice"))
    directory.add_user("alice", password="secret")
    assert not directory.stands(identity)


def test_password_made_up() -> None:
    """A user without a password gets one that cannot be guessed, and its repr hides it."""
    directory = Directory()
    one, other = directory.add_user("one"), directory.add_user("other")
    assert one.password != other.password
    assert len(one.password) >= 12
    assert one.password not in repr(one)
    assert directory.authenticate(Password("one", "")) is None


def test_secrets_are_hidden(directory: Directory) -> None:
    """Neither a credential nor a trunk shows its password in its repr, nor does a login that holds one."""
    credential = directory.add_credential(directory.add_user("alice"))
    trunk = directory.add_trunk("carrier", password="outside")
    assert credential.sip_password not in repr(credential)
    assert "outside" not in repr(trunk)
    identity = directory.authenticate(Password(credential.sip_username, credential.sip_password))
    assert credential.sip_password not in repr(identity)
    assert "secret" not in repr(identity)


def test_same_user_again(directory: Directory) -> None:
    """Adding a user a second time adds numbers and keeps the password."""
    alice = directory.add_user("alice", numbers=("+18005550101", "+18005550100"))
    assert directory.numbers_of(alice) == ("+18005550100", "+18005550101")
    assert who(directory, Password("alice", "secret")) == "alice"
    directory.add_user("alice", password="new")
    assert who(directory, Password("alice", "secret")) is None


def test_names_are_one_identitys(directory: Directory) -> None:
    """A name that a connection, a credential or a trunk has is given to no other."""
    credential = directory.add_credential(directory.add_user("alice"))
    directory.add_trunk("carrier")
    for name in ("alice", credential.sip_username, "carrier"):
        with pytest.raises(CommandRefused, match="in use"):
            directory.add_connection(CredentialConnection(user_name=name, password="x"))
        with pytest.raises(CommandRefused, match="in use"):
            directory.add_trunk(name)
    for name in (credential.sip_username, "carrier"):
        with pytest.raises(CommandRefused, match="in use"):
            directory.add_user(name)


def test_number_has_one_owner(directory: Directory) -> None:
    """A number stays with its owner when another asks for it, and moves when it is assigned."""
    bob = directory.add_user("bob", numbers=("+18005550100",))
    assert name_of(directory, "+18005550100") == "alice"
    directory.assign(directory.number("+18005550100"), bob)
    assert name_of(directory, "+18005550100") == "bob"
    directory.assign(directory.number("+18005550100"), None)
    assert name_of(directory, "+18005550100") == "bob"  # by his pattern
    assert directory.numbers_of(bob) == ("+1800*", "10??")


def test_number_of_nobody(directory: Directory) -> None:
    """A number that is nobody's becomes the one's who asks for it first."""
    directory.add_number("+15550009", None)
    assert name_of(directory, "+15550009") is None
    directory.add_user("carol", numbers=("+15550009",))
    directory.add_user("dave", numbers=("+15550009",))
    assert name_of(directory, "+15550009") == "carol"


def test_ids(directory: Directory) -> None:
    """Ids are decimal texts of 19 digits; telephony credentials have UUIDs; `owner` finds what has numbers."""
    texml = directory.add_texml_application(TexmlApplication(friendly_name="t", voice_url="http://127.0.0.1/"))
    voice = directory.add_voice_application(VoiceApplication(application_name="v", webhook_event_url="http://x/"))
    user = directory.add_user("alice")
    for made in (texml, voice, user):
        assert len(made.id) == 19
        assert made.id.isdecimal()
        assert directory.owner(made.id) is made
    assert directory.owner("1") is None
    assert len(directory.add_credential(user).id) == 36


# --- whom a number reaches ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialled", "reached"),
    [
        ("+18005550100", "alice"),  # exact, though bob's pattern fits too
        ("+18005550199", "bob"),
        ("1004", "bob"),
        ("10045", None),
        ("+1900", None),
        ("", None),
        ("alice", "alice"),
        ("sip:alice@sip.telnyx.com", "alice"),
        ("sips:bob@127.0.0.1:5061", "bob"),
        ("SIP:alice@sip.telnyx.com", "alice"),
        ("sip:alice;transport=udp", "alice"),
        ("sip:+18005550100@sip.telnyx.com;user=phone", "alice"),
        ("tel:+18005550100", "alice"),
        (" +1 (800) 555-0100 ", "alice"),
        ("+1.800.555.0100", "alice"),
        ("alice-2", None),
    ],
)
def test_reach(directory: Directory, dialled: str, reached: str | None) -> None:
    """An exact number, then a user's name, then a pattern; signs and SIP wrapping do not matter."""
    assert name_of(directory, dialled) == reached


def test_number_with_signs() -> None:
    """A number that is written with signs is reached by the plain one."""
    directory = Directory()
    directory.add_user("clinic", numbers=("+1 (800) 555-0100",))
    assert name_of(directory, "+18005550100") == "clinic"


def test_any_is_the_last_resort(directory: Directory) -> None:
    """`any` takes what nobody else does, and nothing else."""
    directory.add_user("operator", numbers=("any",))
    assert name_of(directory, "+4930123") == "operator"
    assert name_of(directory, "1004") == "bob"
    assert name_of(directory, "alice") == "alice"


def test_most_exact_pattern() -> None:
    """Of several patterns the one that says most wins, in whichever order they came."""
    for order in (("*", "+1800*", "+18005*"), ("+18005*", "+1800*", "*")):
        directory = Directory()
        for pattern in order:
            directory.add_user(f"user {pattern}", numbers=(pattern,))
        assert name_of(directory, "+18005550100") == "user +18005*"
        assert name_of(directory, "+18001") == "user +1800*"
        assert name_of(directory, "x") == "user *"


def test_plain_address_keeps_names() -> None:
    """Only numbers lose their signs; a user name may hold dots and dashes."""
    assert plain_address("mary.ann-2") == "mary.ann-2"
