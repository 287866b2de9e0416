"""Settings of a whole study: the definitions, and the grid that is picked from them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from peftport.data.settings import DatasetSettings
from peftport.hosts.settings import HostSettings
from peftport.maps.settings import MapSettings
from peftport.registry import unknown_name
from peftport.settings import (
    TAG,
    CostSettings,
    DistilSettings,
    EvaluationSettings,
    Settings,
    StatisticsSettings,
    Text,
    TrainingSettings,
    is_empty,
    optional,
)
from peftport.study.dial_settings import DialSettings
from peftport.study.grid_settings import GridSettings
from peftport.study.module_settings import ModuleSettings
from peftport.techniques.settings import METHOD_SETTINGS, TechniqueSettings
from peftport.techniques.table import spelled

NAME_PATTERN = r"^(?!(any|none)$)[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*$(?!\n)"
NAME_MEANING = "letters and digits, joined by single . _ + or -; not `any` or `none`, which have a meaning of their own"
Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        max_length=64,
        description=NAME_MEANING,
    ),
]


class _ByMethod:
    """Annotates a technique: its settings are those of its ``method``, of the table ``METHOD_SETTINGS``."""

    @staticmethod
    def __get_pydantic_core_schema__(source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {f"{TAG}{settings.__name__}": handler(settings) for settings in METHOD_SETTINGS.values()}
        union = core_schema.tagged_union_schema(choices, discriminator=_tag)
        return core_schema.no_info_before_validator_function(_known_method, union)


def _method(technique: Any) -> Any:
    return technique.get("method") if isinstance(technique, dict) else getattr(technique, "method", None)


def _tag(technique: Any) -> str:
    """The tag of a technique; of one that is no mapping, that of any method, which refuses it."""
    method = _method(technique)
    settings = METHOD_SETTINGS[method] if method is not None else next(iter(METHOD_SETTINGS.values()))
    return f"{TAG}{settings.__name__}"


def _known_method(technique: Any) -> Any:
    method = _method(technique)
    if isinstance(technique, dict) and not (isinstance(method, str) and method in METHOD_SETTINGS):
        said = spelled(method) or unknown_name("method", method, METHOD_SETTINGS)
        raise PydanticCustomError("unknown", "{said}", {"said": said, "key": "method"})
    return technique


def _named_by_method(entries: Any) -> Any:
    """Techniques or maps, each with a ``method``: its name unless it says otherwise."""
    if not isinstance(entries, dict):
        return entries
    return {name: {"method": name, **entry} if isinstance(entry, dict) else entry for name, entry in entries.items()}


class StudySettings(Settings):
    """One study: the definitions, and the grid picked from them."""

    study: Name = Field(description="name of the study; its results land in results/<study>/")
    title: str = Field("", description="one line that the report shows above the question")
    hosts: dict[Name, HostSettings] = Field(min_length=1, description="frozen language models by name")
    datasets: dict[Name, DatasetSettings] = Field(min_length=1, description="labelled texts by name")
    modules: dict[Name, ModuleSettings] = Field(
        {},
        description="modules that exist already, made with peft by whomever, by name; the grid takes them as it takes "
        "techniques",
        exclude_if=is_empty,
    )
    techniques: Annotated[
        dict[Name, Annotated[TechniqueSettings, _ByMethod]],
        Field(
            {},
            description="PEFT methods with their settings by name; the name is the method unless `method` says "
            "otherwise",
        ),
        BeforeValidator(_named_by_method),
    ]
    maps: Annotated[
        dict[Name, MapSettings],
        Field(
            {},
            description="how modules are carried between hosts, of unequal shape too, by name; the name is the method "
            "unless `method` says otherwise",
            exclude_if=is_empty,
        ),
        BeforeValidator(_named_by_method),
    ]
    decontaminate: bool = Field(
        False,
        description="take out of a source dataset's training and validation texts what stands in the target's test "
        "set, whatever its case, punctuation and white space; only where the two are different datasets",
    )
    distances: bool = Field(
        True,
        description="measure for each transfer how far its hosts are apart (`tables/distances.parquet`, "
        "`peftport predict`): weights from their files, and one forward pass of each host over training texts",
        exclude_if=bool,
    )
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    statistics: StatisticsSettings = Field(default_factory=StatisticsSettings)
    costs: CostSettings = Field(default_factory=CostSettings)
    distil: DistilSettings | None = optional(description="how `distilled` is trained; needed where the grid has it")
    grid: GridSettings
    dials: dict[Name, DialSettings] = Field(
        {},
        description="what is varied along hosts or datasets of the grid, by name: tables, figure and report follow it",
        exclude_if=is_empty,
    )
    reconstructions: list[Text] = Field(
        [],
        description="sentences that the report shows about values which are our reconstruction and not published ones",
    )
