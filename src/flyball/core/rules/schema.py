"""The JSON Schema (draft-07) of one project's rule files, by which editors complete and check them.

It refuses nothing that `flyball rules check` takes. What only reading can tell, such as whether a
condition makes sense, it leaves to `check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flyball.core.knobs import Action, Knob, Value
from flyball.core.rules import language
from flyball.core.rules.language import Explained
from flyball.core.rules.ruleset import MOST_RULES
from flyball.core.rules.words import OPTION_WORDS, Catalogue

Schema = dict[str, Any]

_NUMBER = r"[+-]?(\d[\d_]*(\.\d[\d_]*)?|\.\d[\d_]*)([eE][+-]?\d+)?"
_TIME = r"\d[\d_]*(\.\d+)?\s*[smhd]"
_SPAN = rf"({_TIME}|\d[\d_]*(\.0+)?\s*(looks?|cycles?))"


def schema(catalogue: Catalogue) -> Schema:
    """The schema of rule files over this catalogue."""
    turned = {name: knob for name, knob in catalogue.knobs.items() if knob.who == "rules"}
    properties = {
        "version": {"const": 1},
        "every": _text(rf"^\s*{_TIME}\s*$"),
        "defaults": _object(
            {name: _RULE_WORDS[name] for name in ("mode", "when_missing")} | {"cooldown": _ref("span")},
            language.RULE,
        ),
        "knobs": _object({name: _bounds(knob) for name, knob in turned.items()}),
        "conditions": {
            "type": "object",
            "additionalProperties": _ref("condition"),
            "propertyNames": {
                "pattern": r"""^(?!(and|or|not|true|false)$)[^\s\d.,:(){}'"][^\s.,:(){}'"]*$"""
            },
        },
        "rules": {"type": "array", "maxItems": MOST_RULES, "items": _ref("rule")},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Flyball rules",
        "description": "What turns a labelling loop's knobs. `flyball rules check` says the rest.",
        **_object(properties, language.FILE),
        "definitions": {
            "span": {
                **_text(rf"^\s*{_SPAN}\s*$"),
                "description": "A time (`30s`, `10m`, `6h`, `2d`), or `3 looks`, or `3 cycles`.",
            },
            "condition": _condition(catalogue),
            "rule": _rule(turned),
            "deed": {"anyOf": _deeds(turned, catalogue.actions)},
        },
    }


_RULE_WORDS: Mapping[str, Schema] = {
    "mode": {"enum": ["live", "shadow"]},
    "when_missing": {"enum": ["keep", "clear"]},
    "foreach": {"enum": ["annotator"]},
}


def _condition(catalogue: Catalogue) -> Schema:
    functions = (*language.FUNCTIONS_OF_VALUES, *language.FUNCTIONS_OF_PAST)
    lines = ["A condition: comparisons joined with `and`, `or`, `not`.", "", "Functions:"]
    lines += [f"- `{each.example}`: {each.meaning}" for each in functions]
    lines += ["", "Signals:"]
    lines += [f"- `{each.name}` ({each.unit}): {each.meaning}" for each in catalogue.signals.values()]
    return {
        "type": "string",
        "minLength": 1,
        "description": "\n".join(lines),
        "examples": [each.example for each in language.OPERATORS],
    }


def _rule(turned: Mapping[str, Knob]) -> Schema:
    properties = {
        "id": {"type": ["string", "integer"], "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$", "maxLength": 80},
        "because": {"type": "string", "minLength": 1},
        **{name: _ref("condition") for name in ("when", "until")},
        **{name: _ref("span") for name in ("for", "cooldown", "repeat")},
        "then": {"anyOf": [_ref("deed"), {"type": "array", "minItems": 1, "items": _ref("deed")}]},
        "hold": {**_object({name: _value(knob) for name, knob in turned.items()}), "minProperties": 1},
        "once": {"type": "boolean"},
        "priority": _either({"type": "integer", "minimum": -1000, "maximum": 1000}, rf"^\s*{_NUMBER}\s*$"),
        **_RULE_WORDS,
    }
    either: Schema = {"anyOf": [{"required": ["then"]}, {"required": ["hold"]}]}
    return {**_object(properties, language.RULE), **either, "dependencies": {"repeat": ["then"]}}


def _deeds(turned: Mapping[str, Knob], actions: Mapping[str, Action]) -> list[Schema]:
    numeric = [name for name, knob in turned.items() if knob.kind in ("number", "integer")]
    to: Schema = {
        "allOf": [
            {
                "if": {"properties": {"set": {"const": name}}},
                "then": {"properties": {"to": _value(knob)}},
            }
            for name, knob in turned.items()
        ]
    }
    said = {each.name: f"{each.meaning} `{each.example}`" for each in language.DEEDS}
    amount = rf"^\s*({_NUMBER}%?|{_NUMBER}[smhd])\s*$"
    scale = _either({"type": "number", "exclusiveMinimum": 0}, rf"^\s*{_NUMBER}%?\s*$")
    add = _either({"type": "number"}, amount)
    return [
        {**_deed("set", _knob(list(turned), turned), said["set"], {"to": {}}), **to},
        _deed("scale", _knob(numeric, turned), said["scale"], {"by": scale}),
        _deed("add", _knob(numeric, turned), said["add"], {"by": add}),
        _action(actions, said["do"]),
    ]


def _deed(verb: str, knob: Schema, meaning: str, more: Schema) -> Schema:
    return {
        "type": "object",
        "description": meaning,
        "properties": {verb: knob, **more},
        "required": [verb, *more],
        "additionalProperties": False,
    }


def _knob(names: Sequence[str], knobs: Mapping[str, Knob]) -> Schema:
    said = [f"- `{name}`: {knobs[name].meaning}" for name in names]
    return {"enum": list(names), "description": "\n".join(said)}


def _action(actions: Mapping[str, Action], meaning: str) -> Schema:
    options = dict.fromkeys(option for action in actions.values() for option in action.options)
    takes = {option: [name for name, each in actions.items() if option in each.options] for option in options}
    said = [f"- `{name}`: {action.meaning}" for name, action in actions.items()]
    return {
        "type": "object",
        "description": meaning,
        "properties": {
            "do": {"enum": list(actions), "description": "\n".join(said)},
            **{option: _option(option) for option in options},
        },
        "required": ["do"],
        "dependencies": {option: {"properties": {"do": {"enum": names}}} for option, names in takes.items()},
        "additionalProperties": False,
    }


def _option(name: str) -> Schema:
    return {"enum": list(OPTION_WORDS[name])} if name in OPTION_WORDS else {"type": ["string", "number"]}


def _bounds(knob: Knob) -> Schema:
    value = _value(knob)
    of: Schema = {"safe": value, "silent_for": _ref("span")}
    if knob.kind in ("number", "integer"):
        per = rf"\s+per\s+{_SPAN}\s*$"
        of |= {"min": value, "max": value}
        of |= {"step": _text(rf"^\s*{_NUMBER}%?\s*x?{per}"), "turns": _text(rf"^\s*{_NUMBER}{per}")}
    if knob.kind == "word":
        of["values"] = {"type": "array", "minItems": 1, "items": value}
    if knob.per is not None:
        of["per"] = {"const": knob.per}
    said = _object(of, language.BOUNDS)
    return {**said, "description": knob.meaning, "dependencies": {"silent_for": ["safe"]}}


def _value(knob: Knob) -> Schema:
    """What a knob may be. Bounds hold for plain numbers; of `20%` and `10m` only the form is known."""
    match knob.kind:
        case "flag":
            found: Schema = {"type": "boolean"}
        case "word":
            found = {"enum": list(knob.words)}
        case _:
            ends = {"minimum": knob.low, "maximum": knob.high}
            number = {"type": knob.kind, **{end: value for end, value in ends.items() if value is not None}}
            unit = "[smhd]?" if knob.unit == "seconds" else "%?"
            found = _either(number, rf"^\s*{_NUMBER}{unit}\s*$")
    return {**found, "description": _said(knob.meaning, knob.unit, knob.default)}


def _said(meaning: str, unit: str, default: Value) -> str:
    usual = str(default).lower() if isinstance(default, bool) else f"{default}"
    return f"{meaning} Usually {usual}{f' {unit}' if unit else ''}."


def _object(properties: Mapping[str, Schema], explained: Iterable[Explained] = ()) -> Schema:
    """A mapping with these keys and no others; those that are required are, and each is explained."""
    words = {each.name: each for each in explained}
    said = {
        name: {**_words(words[name]), **of} if name in words else dict(of) for name, of in properties.items()
    }
    required = [name for name in properties if name in words and words[name].otherwise == "required"]
    more: Schema = {"required": required} if required else {}
    return {"type": "object", "properties": said, "additionalProperties": False, **more}


def _words(word: Explained) -> Schema:
    return {"description": f"{word.meaning}\n\n`{word.example}`"}


def _either(number: Schema, pattern: str) -> Schema:
    return {"anyOf": [number, _text(pattern)]}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _ref(name: str) -> Schema:
    """A definition; beside a reference draft-07 reads nothing, so that it stands in an `allOf`."""
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}
