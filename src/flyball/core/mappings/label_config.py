"""What annotators may say in a project of Label Studio: its controls, and one name for what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from flyball.core.ids import Digest, canonical, digest_of

#: What a control's label means to who chooses it; colours, keys and order are no part of that.
_MEANING = ("value", "alias", "hint")


def config_of(classes: Sequence[str]) -> str:
    """The labelling page of a project of ours: the item, its features as a table, one choice of the classes.

    >>> config_of(["no"])[-37:]
    '<Choice value="no"/></Choices></View>'
    """
    choices = "".join(f"<Choice value={quoteattr(each)}/>" for each in classes)
    control = 'name="label" toName="features" choice="single-radio" required="true"'
    shown = '<Header value="$item"/><Table name="features" value="$features"/>'
    return f"<View>{shown}<Choices {control}>{choices}</Choices></View>"


def definitions_of(controls: Any) -> Digest | None:
    """One name for what can be said in a project, whatever it is called and however it looks.

    `controls`: what Label Studio has parsed a labelling configuration into, by name. None where it is
    silent about that.
    """
    if not isinstance(controls, Mapping) or not controls:
        return None
    meant = [[str(name), _meant(control)] for name, control in sorted(controls.items())]
    return digest_of(canonical(["label-studio-definitions-1", meant]))


def unsayable(controls: Mapping[str, Any], classes: Sequence[str]) -> tuple[str, ...]:
    """The classes that nobody can choose in a project with these controls."""
    sayable: set[str] = set()
    for control in controls.values():
        if isinstance(control, Mapping):
            sayable |= {str(each) for each in control.get("labels") or ()}
            attributes = control.get("labels_attrs") or {}
            sayable |= {str(each.get("value")) for each in attributes.values() if isinstance(each, Mapping)}
    return tuple(each for each in classes if each not in sayable)


def deciding(controls: Mapping[str, Any], classes: Sequence[str]) -> tuple[str, str] | None:
    """The control with which a class is chosen, and what it is about; None where none offers them all."""
    for name, control in sorted(controls.items()):
        if not unsayable({name: control}, classes) and control.get("type") == "Choices":
            about = control.get("to_name") or ()
            return (str(name), str(about[0])) if about else None
    return None


def _meant(control: Any) -> Any:
    if not isinstance(control, Mapping):
        return None
    attributes = control.get("labels_attrs") or {}
    labels: dict[str, Any] = {str(each): {} for each in control.get("labels") or ()} | dict(attributes)
    return [
        str(control.get("type")),
        [[str(label), _said(more)] for label, more in sorted(labels.items())],
    ]


def _said(attributes: Any) -> dict[str, str]:
    if not isinstance(attributes, Mapping):
        return {}
    return {name: str(attributes[name]) for name in _MEANING if attributes.get(name)}
