"""A host's settings as a file: what ``show -o yaml`` prints, ``apply`` takes.

Keys that a file does not name stay as they are; an empty value unsets one. The parts of what
``show`` prints that say how the host is, and not how it shall be, are accepted and not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ovn_integrate.errors import Error, Invalid
from ovn_integrate.host import keys
from ovn_integrate.host.keys import Key

SETTINGS, CHASSIS = "settings", "chassis"
_SEEN = ("bridge", "controller", "tunnels")

_STRICT = ConfigDict(extra="forbid", strict=True)
_LISTS = ("remotes", "types", "addresses", "words", "ports", "servers")
_RANGES: dict[str, dict[str, Any]] = {"percent": {"minimum": 0, "maximum": 100}}


class _Loader(yaml.SafeLoader):
    """YAML's safe part, which of two values of one name would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands there twice", key.start_mark
                )
            seen.update([key.value] if isinstance(key, yaml.ScalarNode) else [])
        return super().construct_mapping(node, deep)


def schema() -> dict[str, Any]:
    """The JSON schema of a file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_file().model_json_schema(by_alias=True),
    }


def read(text: bytes, name: str) -> dict[str, Any]:
    """What a file says, its names and the types of its values checked.

    :param name: of the file, for messages.
    :raises Invalid: with the first problem; for an unknown name the hint is the nearest known one.
    """
    try:
        document = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise Invalid(name, f"is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise Invalid(name, f"has no {SETTINGS}", "ovn-integrate show -o yaml prints such a file")
    try:
        model = _file().model_validate(document)
    except ValidationError as error:
        raise _problem(error.errors()[0], name) from None
    said: dict[str, Any] = model.model_dump(by_alias=True, exclude_unset=True)
    return said


def wanted(said: Mapping[str, Any], current: Mapping[str, str], name: str) -> dict[str, str | None]:
    """The keys of external_ids that a file wants.

    :param said: what :func:`read` returned.
    :param current: the keys as they are: what a file leaves as it is, it need not be right about.
    :raises Invalid: a value does not fit, or a key is not read for one chassis alone.
    """
    parts: list[tuple[str | None, Mapping[str, Any]]] = [(None, said.get(SETTINGS) or {})]
    parts += [(chassis, part or {}) for chassis, part in (said.get(CHASSIS) or {}).items()]
    found: dict[str, str | None] = {}
    for chassis, part in parts:
        for key, value in part.items():
            spelling = keys.spelled(key, chassis)
            text = _text(value)
            if text and text != current.get(spelling):
                text = _checked(key, chassis, text, name)
            found[spelling] = text or None
    return found


def _checked(key: str, chassis: str | None, text: str, name: str) -> str:
    try:
        return keys.checked(keys.find(key, chassis), text)
    except Error as error:
        where = f"{CHASSIS}.{chassis}" if chassis else SETTINGS
        raise Invalid(f"{name}: {where}.{error.subject}", error.what, error.hint) from None


def _text(value: Any) -> str:
    """A value as external_ids keeps it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{key}:{one}" for key, one in value.items())
    return "" if value is None else str(value)


def _problem(error: Mapping[str, Any], name: str) -> Invalid:
    """Pydantic's error as one of ours."""
    place = [str(part) for part in error["loc"]]
    if error["type"] in ("extra_forbidden", "invalid_key"):
        if place[0] == CHASSIS and place[-1] in keys.KEYS:
            where = f"{name}: {'.'.join(place)}"
            return Invalid(where, "is not read for one chassis alone", f"put it under {SETTINGS}")
        known: Iterable[str] = (SETTINGS, CHASSIS, *_SEEN)
        if len(place) > 1:
            known = keys.KEYS
        return Invalid(f"{name}: {'.'.join(place)}", "is unknown", keys.nearest(place[-1], known))
    # Behind the name that we know, pydantic says which of its types it tried.
    depth = {SETTINGS: 2, CHASSIS: 3}.get(place[0] if place else "", 1)
    key = keys.KEYS.get(place[depth - 1]) if len(place) >= depth > 1 else None
    wants = key.kind if key else "text, in quotes" if "[key]" in place else "mapping"
    where = ".".join(part for part in place[:depth] if part != "[key]")
    return Invalid(f"{name}: {where}", "is of a wrong type", f"it is: {wants}")


def _file() -> type[BaseModel]:
    every = _section("Settings", keys.KEYS.values())
    own = _section("ChassisSettings", (key for key in keys.KEYS.values() if key.suffixed))
    seen = Field(None, json_schema_extra={"readOnly": True}, description="Not read.")
    fields: dict[str, Any] = {
        SETTINGS: (every | None, Field(None, description="Keys of external_ids.")),
        CHASSIS: (
            dict[str, own | None] | None,  # type: ignore[valid-type]
            Field(None, description="Keys for one chassis, which go first there."),
        ),
        **dict.fromkeys(_SEEN, (Any, seen)),
    }
    return create_model("Host", __config__=_STRICT, **fields)


def _section(name: str, rows: Iterable[Key]) -> type[BaseModel]:
    fields: dict[str, Any] = {key.name.replace("-", "_"): (_type(key), _field(key)) for key in rows}
    return create_model(name, __config__=_STRICT, **fields)


def _type(key: Key) -> Any:
    if key.kind == "flag":
        return bool | str | None
    if key.kind in _LISTS:
        return list[str | int] | str | int | None
    if key.kind == "map":
        return dict[str, str] | list[str] | str | None
    return int | str | None


def _field(key: Key) -> Any:
    notes = [key.doc, f"since {keys.dotted(key.since)}"]
    if key.default:
        notes.append(f"default {key.default}")
    if key.dropped:
        notes.append(f"dropped by {keys.dotted(key.dropped)}")
    return Field(
        None,
        alias=key.name,
        description="; ".join(notes),
        json_schema_extra={
            **_RANGES.get(key.kind, {}),
            **({"deprecated": True} if key.dropped else {}),
        },
    )
