"""The calls between a job and the server of ``hpogrid serve``, as both sides know them.

`openapi` states the same for everybody else.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hpogrid._version import VERSION
from hpogrid.study.claims import Claim

ROOT = "/v1/tasks"
LEDGER_PATTERN = r"^job-[0-9]{4,6}\.[0-9]{3,6}\.jsonl$"
CLAIM_PATTERN = r"^[0-9a-f]{24}$"
TASK_PATTERN = r"^[0-9A-Za-z_-]{1,200}$"
LARGEST_BODY = 16 * 2**20
LARGEST_NUMBER = 2**53 - 1
"""Whole numbers up to here are the same in every reader of JSON."""

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_NUMBER)]


class TaskLine(msgspec.Struct, frozen=True):
    """A task that the server knows; ``key`` is what the other calls name it by."""

    key: str
    id: int
    name: str
    project: str
    site: str
    n_jobs: int
    created: float


class File(msgspec.Struct, frozen=True):
    """A ledger: its bytes, and for how many seconds it has not changed."""

    size: int
    age: float


class Listing(msgspec.Struct, frozen=True):
    """The ledgers of a task by name; what follows is asked for with ``cursor``."""

    cursor: str
    ledgers: dict[str, File]


class Part(msgspec.Struct, frozen=True):
    """Bytes of a ledger, and where they begin; none: it was touched by its living writer."""

    name: str
    at: int
    data: bytes


class Changes(msgspec.Struct, frozen=True):
    """What was written after a cursor.

    Attributes:
        cursor: for the next call.
        parts: in the order in which they came.
        wanted: others have nothing left to take but the share of the job that asks.
    """

    cursor: str
    parts: list[Part]
    wanted: bool = False


class Size(msgspec.Struct, frozen=True):
    """How many bytes of a ledger the server has."""

    size: int


class Claimed(msgspec.Struct, frozen=True):
    """A claim that stands; ``generation`` is how often it was taken over."""

    name: str
    generation: int
    claim: Claim


class Claims(msgspec.Struct, frozen=True):
    """The claims of a task, and the jobs that have opened their shares."""

    claims: list[Claimed]
    opened: list[int]


class Problem(msgspec.Struct, frozen=True):
    """Why a call was refused."""

    detail: str


def share_of(name: str, n_jobs: int) -> int | None:
    """The job to whose share the configuration called ``name`` belongs; None: anybody's.

    Half of the space is dealt out: enough to go on with alone, and the other half for the
    algorithms to choose from freely.
    """
    number = int(name[:12], 16)
    return number // 2 % n_jobs if number % 2 else None


_KINDS = (TaskLine, Listing, Changes, Size, Claims, Claim, Problem)


def openapi() -> dict[str, Any]:
    """The calls as an OpenAPI document."""
    schemas, components = msgspec.json.schema_components(
        _KINDS, ref_template="#/components/schemas/{name}"
    )
    kinds = dict(zip((kind.__name__ for kind in _KINDS), schemas, strict=True))
    bearer = {"type": "http", "scheme": "bearer", "description": "see 'hpogrid serve tokens'"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "hpogrid serve", "version": VERSION},
        "security": [{"token": []}],
        "paths": _paths(kinds),
        "components": {"schemas": components, "securitySchemes": {"token": bearer}},
    }


def _paths(kinds: dict[str, Any]) -> dict[str, Any]:
    task = _in_path("task", pattern=TASK_PATTERN)
    ledger = _in_path("ledger", pattern=LEDGER_PATTERN)
    claim = _in_path("claim", pattern=CLAIM_PATTERN)
    number = {"type": "integer", "minimum": 0, "maximum": 999}
    generation, job = (
        _in_path("generation", **number),
        _in_path("job", **number | {"maximum": 10**6}),
    )
    place = {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER}
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    json = {name: {"application/json": {"schema": kind}} for name, kind in kinds.items()}
    lines = {"application/json": {"schema": {"type": "array", "items": kinds["TaskLine"]}}}
    archive = {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}

    def call(
        summary: str, answer: dict[str, Any], *refusals: str, body: Any = None, query: Any = ()
    ) -> dict[str, Any]:
        answers = {"200": {"description": "done", "content": answer}}
        for status in ("400", "401", "403", "404", "408", "429", "507", *refusals):
            answers[status] = {"description": _REFUSALS[status], "content": json["Problem"]}
        found: dict[str, Any] = {"summary": summary, "responses": answers, "parameters": query}
        return (
            found if body is None else {**found, "requestBody": {"required": True, "content": body}}
        )

    at, first = _in_query("at", place), _in_query("from", place)
    text = {"type": "string", "maxLength": 100}
    who, after = _in_query("job", place), _in_query("after", text, needed=True)
    base = f"{ROOT}/{{task}}"
    return {
        ROOT: {"get": call("The tasks that the token may see", lines)},
        base: {"parameters": [task], "get": call("A task as 'study export' writes it", archive)},
        f"{base}/ledgers": {
            "parameters": [task],
            "get": call("The ledgers of a task", json["Listing"]),
        },
        f"{base}/ledgers/{{ledger}}": {
            "parameters": [task, ledger],
            "get": call("The bytes of a ledger from a place on", octets, query=[first]),
            "put": call(
                "Append bytes, or none to show that the writer lives; what is there already, "
                "is not written again",
                json["Size"], "409", "411", "413", body=octets, query=[at],
            ),
        },
        f"{base}/changes": {
            "parameters": [task],
            "get": call("What was written since", json["Changes"], "410", query=[after, who]),
        },
        f"{base}/claims": {
            "parameters": [task],
            "get": call("The claims of a task", json["Claims"]),
        },
        f"{base}/claims/{{claim}}/{{generation}}": {
            "parameters": [task, claim, generation],
            "put": call(
                "Claim a configuration, or (generation 1 and on) take it over from a job that "
                "has died; the same claim again changes nothing",
                json["Claim"], "409", "411", "413", "423", body=json["Claim"],
            ),
        },
        f"{base}/shares/{{job}}": {
            "parameters": [task, job],
            "put": call("Let others take of a job's share", json["Size"]),
        },
    }  # fmt: skip


_REFUSALS = {
    "400": "it cannot be understood",
    "401": "the token is missing or wrong",
    "403": "the token has not this right",
    "404": "there is no such thing",
    "408": "it took too long to arrive",
    "409": "somebody was faster, or the bytes do not follow the ones that are there",
    "410": "the cursor is not known any more: list the ledgers again",
    "411": "its length is not given",
    "413": "it is too large",
    "423": "it belongs to a job that lives",
    "429": "too many wrong tokens from there",
    "507": "the server's disk is full or out of order",
}


def _in_path(name: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name, "in": "path", "required": True, "schema": {"type": "string", **schema},
    }  # fmt: skip


def _in_query(name: str, schema: dict[str, Any], *, needed: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": needed, "schema": schema}
