"""Why a command is not carried out: the platform's codes and titles.

REST turns a `CommandRefused` into the documented error object. Titles are those of the platform's page of API
error codes; the texts of its OpenAPI examples, where they differ, are given as `detail` by who refuses.
"""

from __future__ import annotations

TITLES: dict[str, str] = {
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10007": "Unexpected error",
    "10008": "Request timeout",
    "10009": "Authentication failed",
    "10010": "Authorization failed",
    "10011": "Too many requests",
    "10015": "Bad Request",
    "10016": "Phone number must be in +E.164 format",
    "10032": "Invalid enumerated value",
    "10033": "Value outside of range",
    "90014": "Invalid value for digits",
    "90015": "Invalid Call Control ID",
    "90016": "Invalid value for stop",
    "90017": "Invalid value for client_state",
    "90018": "Call has already ended",
    "90019": "Conference has already ended",
    "90020": "Call recording triggered before audio started",
    "90022": "Invalid value for minimum_digits",
    "90023": "Invalid value for maximum_digits",
    "90024": "Invalid value for maximum_tries",
    "90025": "Invalid value for timeout_millis",
    "90026": "Invalid value for inter_digit_timeout_millis",
    "90027": "Invalid value for duration_millis",
    "90028": "Invalid value for timeout_secs",
    "90029": "Invalid value for time_limit_secs",
    "90030": "Invalid value for service_level",
    "90032": "Too many conference participants",
    "90033": "Unable to execute command",
    "90034": "Call has not been answered yet",
    "90035": "Call not in queue",
    "90036": "Queue full",
    "90037": "Queue max_size cannot be modified",
    "90038": "Call already in queue",
    "90040": "Downloading audio file failed",
    "90041": "User termination limit exceeded",
    "90042": "Outbound voice profile limit exceeded",
    "90043": "Connection outbound channels limit exceeded",
    "90044": "Conference join not allowed",
    "90056": "Invalid value for initial_timeout_millis",
    "90057": "Invalid call control event type for webhook_urls",
    "90058": "Invalid conference_id",
    "90059": "Invalid value for recording_track",
    "90102": "Command is invalid",
}
"""Code to title."""

STATUS: dict[str, int] = {
    "10005": 404,
    "10007": 500,
    "10008": 408,
    "10009": 401,
    "10010": 403,
    "10011": 429,
    "90041": 403,
    "90042": 403,
    "90043": 403,
}
"""HTTP status of the codes whose status is not 422."""


class CommandRefused(Exception):
    """A command that cannot be carried out. `pointer` names the member of the body that is at fault."""

    def __init__(self, code: str, detail: str = "", *, pointer: str = "", parameter: str = "") -> None:
        self.code = code
        self.title = TITLES[code]
        self.detail = detail or self.title
        self.pointer = pointer
        self.parameter = parameter
        """The query parameter at fault, where it is not the body."""
        self.status = STATUS.get(code, 422)
        super().__init__(f"{code}: {self.detail}")


def not_found(what: str) -> CommandRefused:
    """The answer for a path or an id that nobody knows."""
    return CommandRefused("10005", f"{what} could not be found.")


def call_ended(pointer: str = "/call_control_id") -> CommandRefused:
    """A command to a leg that is over."""
    return CommandRefused("90018", "This call is no longer active and can't receive commands.", pointer=pointer)


def not_answered() -> CommandRefused:
    """A command that needs an answered leg."""
    return CommandRefused(
        "90034",
        "This call can't receive this command because it has not been answered yet.",
        pointer="/call_control_id",
    )
