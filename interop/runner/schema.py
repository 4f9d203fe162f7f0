"""The part of JSON Schema 2020-12 that `vectors/schema.json` uses.

An unsupported keyword is an error, so that no rule in the schema goes unchecked.
"""

from __future__ import annotations

import re
from typing import Any, Iterator

ANNOTATIONS = {"$schema", "$defs", "title", "description"}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


class Schema:
    """A schema and its definitions."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def errors(self, value: Any, definition: str) -> Iterator[str]:
        """The errors of a value according to one of the definitions."""
        return self._errors(value, {"$ref": f"#/$defs/{definition}"}, definition)

    def _errors(self, value: Any, schema: Any, at: str) -> Iterator[str]:
        for keyword, rule in schema.items():
            if keyword in ANNOTATIONS:
                continue
            if keyword == "$ref":
                yield from self._errors(value, self._definition(rule), at)
            elif keyword == "oneOf":
                matches = [not any(self._errors(value, choice, at)) for choice in rule].count(True)
                if matches != 1:
                    yield f"{at}: {matches} choices match, not one"
            elif keyword == "items":
                if isinstance(value, list):
                    for index, item in enumerate(value):
                        yield from self._errors(item, rule, f"{at}[{index}]")
            elif keyword == "properties":
                if isinstance(value, dict):
                    for name in value.keys() & rule.keys():
                        yield from self._errors(value[name], rule[name], f"{at}.{name}")
            elif keyword == "additionalProperties":
                if rule is not False:
                    raise ValueError("additionalProperties other than false")
                if isinstance(value, dict):
                    for name in sorted(value.keys() - schema["properties"].keys()):
                        yield f"{at}: {name} is not a property"
            elif not holds(keyword, rule, value):
                yield f"{at}: {keyword} {rule} does not hold"

    def _definition(self, reference: str) -> Any:
        if not reference.startswith("#/$defs/"):
            raise ValueError(f"reference {reference}")
        return self._root["$defs"][reference[len("#/$defs/"):]]


def holds(keyword: str, rule: Any, value: Any) -> bool:
    """Checks one keyword that contains no schemas; a keyword for another type holds."""
    if keyword == "type":
        return isinstance(value, TYPES[rule]) and (rule == "boolean" or not isinstance(value, bool))
    if keyword == "const":
        return type(value) is type(rule) and bool(value == rule)
    if keyword == "enum":
        return value in rule
    if keyword == "pattern":
        return not isinstance(value, str) or re.fullmatch(anchored(rule), value) is not None
    if keyword == "maxLength":
        return not isinstance(value, str) or len(value) <= rule
    if keyword == "minimum":
        return not isinstance(value, int) or value >= rule
    if keyword == "maximum":
        return not isinstance(value, int) or value <= rule
    if keyword == "minItems":
        return not isinstance(value, list) or len(value) >= rule
    if keyword == "uniqueItems":
        return not isinstance(value, list) or not rule or all(item not in value[:at] for at, item in enumerate(value))
    if keyword == "required":
        return not isinstance(value, dict) or all(name in value for name in rule)
    if keyword == "dependentRequired":
        return not isinstance(value, dict) or all(other in value for name in rule if name in value for other in rule[name])
    raise ValueError(f"keyword {keyword}")


def anchored(pattern: str) -> str:
    """The inside of a pattern that is anchored on both sides; `$` alone would accept a trailing line break."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"pattern {pattern}")
    return pattern[1:-1]
