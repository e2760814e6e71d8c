"""Pydantic's errors as problems in our own words.

Pydantic's locations contain the tag of a union member and the parts of a spelled-out short form. Neither is
in the document, so locations are followed through the data: a tag is skipped, a scalar ends the path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypeAliasType

from qsession_sim.errors import DurationError, LongDurationError
from qsession_sim.scenario.distributions import Empirical, ImpossibleDistributionError
from qsession_sim.scenario.document import Path, child
from qsession_sim.scenario.models import HumanScenario
from qsession_sim.scenario.problems import Problem, either, nearest, show_value, unknown_name
from qsession_sim.scenario.service import EmpiricalNoise
from qsession_sim.scenario.values import OneOf
from qsession_sim.units import HOUR, MINUTE, SECOND, format_duration

_WANTED: Final = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "too_long": ("max_length", "must have no more items than"),
}
_NOT_A_DURATION: Final = "not a duration; write a number with a unit, such as 90s, 2h30m or 250us"


def problems_of(error: ValidationError, model: type[BaseModel], data: Any) -> Iterator[Problem]:
    """One problem for each error that pydantic found in `data`.

    Example:
        >>> from qsession_sim.scenario.policies import HumanPolicies
        >>> try:
        ...     HumanPolicies.model_validate({"que": "fifo"})
        ... except ValidationError as error:
        ...     print(*(problem.describe() for problem in problems_of(error, HumanPolicies, {"que": "fifo"})))
        unknown key (did you mean queue?)
    """
    for details in error.errors(include_url=False):
        # of a list of wrong items pydantic says also that it is too short
        if details["type"] != "too_short" or not details["input"]:
            yield _problem(details, model, data)


def _problem(details: ErrorDetails, model: type[BaseModel], data: Any) -> Problem:
    path = _path(details["loc"], data)
    got, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case kind if kind in _WANTED:
            return _of_other_type(path, kind, got)
        case kind if kind in _BOUNDS:
            name, wanted = _BOUNDS[kind]
            return Problem(path, f"{wanted} {_number(context[name])}", context.get("actual_length", got))
        case "value_error":
            return _refused(path, got, context["error"])
        case "string_type":
            return Problem(path, _not_a_text(got), got)
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_kind(path, got, _models_at(model, path, data)[0])
        case kind:
            return _wrong_key(kind, details, path, _choose(*_models_at(model, path[:-1], data)))


def _of_other_type(path: Path, kind: str, got: Any) -> Problem:
    if isinstance(got, float) and got.is_integer() and kind.startswith("int_"):
        what = "must be a whole number, written without a point or an exponent"
        return Problem(path, what, got, meant=str(int(got)))
    return Problem(path, _WANTED[kind], got)


def _wrong_key(kind: str, details: ErrorDetails, path: Path, owner: type[BaseModel] | None) -> Problem:
    """A problem that the model around the key helps to explain."""
    match kind:
        case "extra_forbidden":
            return unknown_name(path, "unknown key", str(path[-1]), _known_keys(owner), at_key=True)
        case "missing":
            return Problem(path, _missing(owner, path[-1]))
        case "literal_error":
            return _outside(path, details["input"], _literals(owner, path[-1]))
    return Problem(path, details["msg"], details["input"])


def _path(location: tuple[int | str, ...], data: Any) -> Path:
    path: Path = ()
    tag_seen = False
    for step in location:
        if not isinstance(data, (Mapping, list)):
            break
        if isinstance(data, Mapping) and not tag_seen and step == data.get("kind"):
            tag_seen = True
            continue
        path = (*path, step)
        data, tag_seen = child(data, step), False
    return path


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif isinstance(get_origin(annotation), TypeAliasType):
        alias: Any = get_origin(annotation)
        generic: Any
        for generic in _models(alias.__value__):
            yield generic[get_args(annotation)]
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    else:
        for argument in get_args(annotation):
            yield from _models(argument)


def _models_at(model: type[BaseModel], path: Path, data: Any) -> tuple[tuple[type[BaseModel], ...], Any]:
    """The models that the value at a path may be, more than one only where `kind` decides; and the value."""
    models: tuple[type[BaseModel], ...] = (model,)
    names_follow = False
    for step in path:
        if isinstance(step, str) and not names_follow:
            chosen = _choose(models, data)
            field = chosen.model_fields.get(step) if chosen else None
            models = tuple(_models(field.annotation)) if field else ()
            # of a mapping the next step is a name that people chose
            names_follow = field is not None and get_origin(field.annotation) is Mapping
        else:
            names_follow = False
        data = child(data, step)
    return models, data


def _choose(models: tuple[type[BaseModel], ...], data: Any) -> type[BaseModel] | None:
    if len(models) == 1:
        return models[0]
    kind = child(data, "kind")
    return next((model for model in models if kind in _literals(model, "kind")), None)


def _literals(model: type[BaseModel] | None, key: int | str) -> tuple[Any, ...]:
    field = model.model_fields.get(str(key)) if model else None
    if field is None:
        return ()
    listed = next((item for item in field.metadata if isinstance(item, OneOf)), None)
    return _literal_values(field.annotation) if listed is None else listed.words


def _literal_values(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _literal_values(part))


def _known_keys(model: type[BaseModel] | None) -> tuple[str, ...]:
    if model is None:
        return ()
    keys = tuple(field.alias or name for name, field in model.model_fields.items())
    # a file is read into values before the models see it
    return (*keys, "file") if issubclass(model, (Empirical, EmpiricalNoise)) else keys


def _missing(model: type[BaseModel] | None, key: int | str) -> str:
    field = model.model_fields.get(str(key)) if model else None
    return f"missing; give {field.description}" if field and field.description else "missing"


def _not_a_text(got: Any) -> str:
    if isinstance(got, (Mapping, list)):
        return "must be a text"
    return f'must be a text; put it in quotes: "{show_value(got)}"'


def _outside(path: Path, got: Any, known: tuple[Any, ...]) -> Problem:
    names = [str(value) for value in known]
    return Problem(
        path, f"must be {either(names)}", got, meant=nearest(got, names) if isinstance(got, str) else None
    )


def _wrong_kind(path: Path, got: Any, models: tuple[type[BaseModel], ...]) -> Problem:
    known = [str(value) for model in models for value in _literals(model, "kind")]
    kind = child(got, "kind")
    if kind is None:
        return Problem((*path, "kind"), f"missing; give {either(known)}")
    return _outside((*path, "kind"), kind, tuple(known))


def _refused(path: Path, got: Any, error: Exception) -> Problem:
    if isinstance(error, LongDurationError):
        return Problem(path, "too long; a duration must be shorter than about 146,000 years", got)
    if isinstance(error, DurationError):
        return Problem(path, _NOT_A_DURATION, got, meant=_clock_duration(str(got)))
    if isinstance(error, ImpossibleDistributionError):
        return Problem(path, str(error))
    return Problem(path, str(error), got)


def _clock_duration(text: str) -> str | None:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    hours, minutes, seconds = map(int, parts)
    return format_duration(hours * HOUR + minutes * MINUTE + seconds * SECOND)


def _number(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


# -- JSON Schema of the human form, for editors.

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of scenarios as people write them.

    Every valid scenario is valid under it. What concerns several values, such as references from one job to
    another, is checked only when a scenario is loaded.

    Example:
        >>> json_schema()["required"]
        ['workload']
    """
    schema = HumanScenario.model_json_schema(mode="validation")
    definitions = {
        _short_name(name): {**_definition(body), "title": _short_name(name)}
        for name, body in schema.pop("$defs").items()
    }
    schema["title"] = "qsession-sim scenario"
    return {"$schema": _DIALECT, **_tidy({**schema, "$defs": definitions})}


def _definition(body: dict[str, Any]) -> dict[str, Any]:
    """Allow the spellings that are read before the models see them."""
    properties = body.get("properties", {})
    kind = properties.get("kind", {}).get("const")
    if kind in {"choice", "hyperexponential"}:
        return {**body, "required": [key for key in body["required"] if key != "weights"]}
    if "interarrival" in properties:
        ways = [key for key in ("interarrival", "rates", "bursts", "groups", "load") if key in properties]
        return {**body, "anyOf": [{"required": [key]} for key in ways]}
    if kind == "empirical":
        file = {"type": "string", "description": "a file with one value per line"}
        either = [{"required": ["values"]}, {"required": ["file"]}]
        return {**body, "properties": {**properties, "file": file}, "required": ["kind"], "oneOf": either}
    return body


def _short_name(name: str) -> str:
    """A definition's name without the types that made it: `Choice_count` or `Choice_duration`."""
    name = name.removeprefix("Human").removeprefix("_")
    generic, made, arguments = name.partition("_Annotated_")
    if not made:
        return name
    return f"{generic}_{'count' if arguments.startswith('float') else 'duration'}"


def _tidy(value: Any) -> Any:
    """Without null, which no key of a scenario may have, and with the short names in references."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    # OpenAPI's discriminator is no word of JSON Schema
    tidied = {key: _tidy(item) for key, item in value.items() if key != "discriminator" and item is not None}
    if "$ref" in tidied:
        tidied["$ref"] = _REFERENCE + _short_name(tidied["$ref"].removeprefix(_REFERENCE))
    options = tidied.get("anyOf")
    if options is None:
        return tidied
    options = [option for option in options if option != {"type": "null"}]
    del tidied["anyOf"]
    return {**options[0], **tidied} if len(options) == 1 else {**tidied, "anyOf": options}
