"""The config's JSON schema, made from the settings: for editors, and for what reads schemas.

``python -m peftport.study.schema workflow/schemas/config.schema.json`` writes it; a test fails when the file is not up
to date.
"""

import functools
import json
import sys

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from peftport.storage.files import write_text
from peftport.storage.provenance import JsonObject
from peftport.study.settings import StudySettings

SCHEMA_FILE = "workflow/schemas/config.schema.json"  # in a checkout


class _Plain(GenerateJsonSchema):
    """Gives keys no titles, which would only repeat their names, and lets a value fit several members of a union.

    A technique without ``method`` fits several: its name says which it is, and a schema cannot say that.
    """

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonObject:
        """The keys are names: one of another kind is refused."""
        part = super().dict_schema(schema)
        return part | {"additionalProperties": False} if "patternProperties" in part else part

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonObject:
        union = super().tagged_union_schema(schema)
        return {"anyOf" if key == "oneOf" else key: value for key, value in union.items()}


@functools.cache
def config_schema() -> JsonObject:
    """The JSON schema (draft 2020-12) of a config."""
    return {"$schema": _Plain.schema_dialect} | StudySettings.model_json_schema(schema_generator=_Plain)


def schema_text() -> str:
    """What stands in the file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def resolved(part: JsonObject) -> JsonObject:
    """A part of the schema with what it refers to; what stands beside the reference counts first."""
    if "$ref" not in part:
        return part
    target = config_schema()["$defs"][part["$ref"].rpartition("/")[2]]
    return target | {key: value for key, value in part.items() if key != "$ref"}


def alternatives(part: JsonObject) -> list[JsonObject]:
    """What a value may be, each resolved: the members of a union, or the part alone."""
    part = resolved(part)
    members = part.get("anyOf") or part.get("oneOf") or [part]
    return [member for inner in members for member in ([resolved(inner)] if inner is part else alternatives(inner))]


def entries(part: JsonObject) -> JsonObject | None:
    """The schema of every value of a mapping whose keys are names; None for one with keys of its own."""
    named = [*part.get("patternProperties", {}).values(), part.get("additionalProperties")]
    return named[0] if isinstance(named[0], dict) else None


def meaning(part: JsonObject) -> str:
    """The description of a part, or else of what it may be, without a full stop; empty where there is none."""
    texts = [inner["description"] for inner in [part, *alternatives(part)] if "description" in inner]
    return texts[0].rstrip(".") if texts else ""


if __name__ == "__main__":
    write_text(sys.argv[1], schema_text())
