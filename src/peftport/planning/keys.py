"""The key of every stage: a hash that names the whole past of a file.

A key covers the stage's own slice of the config, the code that the stage reaches by import and its script's text,
the versions of torch, transformers and peft, and the keys of the stages before it. Rules carry it as a parameter
and files carry it in their metadata, so a changed training loop reruns training and what follows, a changed
figure that figure, and a changed docstring nothing.
"""

import contextlib
import functools
from pathlib import Path
from typing import Any

from peftport.host_building.recipes.table import RECIPES
from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.locate import bundled_folder
from peftport.hosts.shape import declared
from peftport.paths import pipeline_root
from peftport.planning.code_stamp import script_stamp
from peftport.porting.table import INITIALISATIONS
from peftport.prompting.lm_types.table import LM_TYPES
from peftport.statistics.table import STATISTICS, settings_of
from peftport.storage.files import file_digest
from peftport.storage.provenance import digest, versions
from peftport.study.derived_datasets import left_out, parent, root
from peftport.study.grid import FITTED, Cell, Source, Start, Study
from peftport.techniques.table import METHODS
from peftport.typology.read import FILE as TYPOLOGY

# What of the training section a test, and a training in the target host, depends on; and what of a technique's entry
# does not matter there.
READ_BY = ("max_tokens", "host_precision")
TRAINED_BY = (*READ_BY, "batch_size", "warmup_steps", "weight_decay", "gradient_clip")
# What of a dataset's definition its splits depend on; the rest is how it is put to a host.
PREPARED_BY = ("source", "labels", "split", "examples")
SOURCE_ONLY = ("source_steps",)


@functools.cache
def stage_code(script: str, *modules: str) -> str:
    """The stamp of a stage: its script with what that imports, ``modules`` reached by name, and library versions."""
    path = pipeline_root() / "workflow" / "scripts" / f"{script}.py"
    return digest([script, script_stamp(path, *modules), versions()])


@functools.cache
def _file(path: Path) -> str:
    return file_digest(path)


class Keys:
    """Keys of one study's stages, each computed once.

    Args:
        study: the grid.
        folder: where relative paths in the config start.
    """

    def __init__(self, study: Study, folder: Path | None = None) -> None:
        self.study, self.config, self.folder = study, study.config, folder or Path.cwd()
        self._tested: dict[str, list[int]] = {}
        for name in ("dataset", "host", "_kinds", "prompts", "source", "module", "start", "evaluation"):
            setattr(self, name, functools.cache(getattr(self, name)))

    def dataset(self, name: str) -> str:
        """Of a dataset's splits."""
        if (above := parent(name)) is not None:
            if (other := left_out(name)) is not None:
                return digest([stage_code("decontaminate_dataset"), self.dataset(above), self.dataset(other)])
            return digest([stage_code("randomise_labels"), self.dataset(above), self.label_seed(name)])
        definition = self.definition(name)
        files = [_file(self.folder / file["path"]) for file in definition["source"].get("files", [])]
        generator = ["peftport.data.generated.reviews"] if "generated" in definition["source"] else []
        return digest([stage_code("prepare_dataset", *generator), definition, files])

    def definition(self, dataset: str) -> dict[str, Any]:
        """The part of a dataset's definition that its splits depend on."""
        return {part: self.config["datasets"][dataset][part] for part in PREPARED_BY}

    def label_seed(self, name: str) -> int:
        """Seed of the shuffled labels of a derived dataset."""
        return self.config["datasets"][root(name)]["split"]["seed"]

    def overlap(self) -> str:
        """Of the leak audit."""
        return digest([stage_code("audit_overlap"), {name: self.dataset(name) for name in self.study.datasets}])

    def host(self, name: str) -> str:
        """Of a host's weights and tokenizer, whatever they are used for."""
        definition = self.config["hosts"][name]
        if recipe := definition.get("build"):
            files = recipe.get("corpus", {}).get("files", []) + recipe.get("instructions", {}).get("files", [])
            base = self.host(recipe["base"]) if "base" in recipe else None
            code = stage_code("build_host", *self._reading(name), *self._recipes(name))
            return digest([code, recipe, [_file(self.folder / file) for file in files], base])
        if "hub" in definition:
            return digest(definition["hub"])
        folder = bundled_folder(definition["bundled"]) if "bundled" in definition else self.folder / definition["path"]
        return digest({file.name: _file(file) for file in sorted(folder.iterdir()) if file.is_file()})

    def identity(self, name: str) -> str:
        """Of what a host is: its place, shape and fingerprints."""
        code = stage_code("identify_host", *self._reading(name))
        return digest([code, self.host(name), self.config["hosts"][name]])

    def labels(self, host: str, dataset: str) -> str:
        """Of the tokens of a dataset's label words in a host."""
        return digest([stage_code("encode_labels", *self._reading(host)), self.identity(host), self._words(dataset)])

    def prompts(self, host: str, dataset: str) -> str:
        """Of a dataset's prompts as a host reads them."""
        code = stage_code("encode_dataset", *self._reading(host))
        template, most = self.config["datasets"][root(dataset)]["template"], self.config["training"]["max_tokens"]
        return digest([code, self.labels(host, dataset), self.dataset(dataset), template, most])

    def card(self, name: str) -> str:
        """Of a host's card, which adds the tokens of every label word of the study."""
        labels = {dataset: self.labels(name, dataset) for dataset in self.study.datasets}
        return digest([stage_code("describe_host"), self.identity(name), labels])

    def _kinds(self, host: str) -> list[str]:
        """The host's family, by transformers' ``model_type``; every family where only loading it tells."""
        found = declared(host, self.config["hosts"], self.folder)
        return [kind for kind in FAMILIES if found is None or found["model_type"] == kind]

    def _reading(self, host: str) -> list[str]:
        """The modules that are reached by name for a host: its family, and how it is asked."""
        kinds = self._kinds(host)
        return sorted({FAMILIES[kind] for kind in kinds} | {LM_TYPES[family(kind).lm_type] for kind in kinds})

    def _recipes(self, host: str) -> list[str]:
        """The recipes of those families that can be built."""
        return [RECIPES[kind] for kind in self._kinds(host) if kind in RECIPES]

    def _answering(self, host: str) -> list[str]:
        """The same, and how it answers."""
        names = {family(kind).lm_type for kind in self._kinds(host)}
        return [*self._reading(host), *sorted(f"peftport.evaluation.lm_types.{name}" for name in names)]

    def transfer(self, source: str, target: str) -> str:
        """Of the check that modules can be copied from one host to another."""
        return digest([stage_code("check_transfer"), self.host(source), self.host(target)])

    def _words(self, dataset: str) -> list[str]:
        return sorted(set(self.config["datasets"][root(dataset)]["labels"].values()))

    def _method(self, technique: str) -> str:
        return METHODS[self.config["techniques"][technique]["method"]]

    def source(self, source: Source) -> str:
        """Of one block of source modules."""
        technique = self.config["techniques"][source.technique]
        code = stage_code("train_source", self._method(source.technique), *self._reading(source.host))
        seeds = self.study.blocks[source.block]
        training = self.config["training"]
        data = [self.host(source.host), self.prompts(source.host, source.dataset)]
        return digest([code, technique, training, data, seeds])

    def module(self, source: Source) -> str:
        """Of the module directories extracted from a source."""
        return digest([stage_code("extract_modules"), self.source(source)])

    def start(self, start: Start) -> str:
        """Of what a block of modules in a target host starts from."""
        rule = INITIALISATIONS[start.initialisation]
        if start.source_host == "any":
            settings = self.form(start.technique)
            reached = [self._method(start.technique), rule, *self._reading(start.target_host)]
            code = stage_code("initialise_scratch", *reached)
            return digest([code, settings, self.host(start.target_host), self.study.blocks[start.block]])
        needed = [self.module(one) for one in (self.study.source_of(start), *self.study.siblings_of(start))]
        host = self.host(start.target_host)
        if start.initialisation in FITTED:
            code = stage_code("match_starts", self._method(start.technique), rule, *self._reading(start.target_host))
            texts = self.prompts(start.target_host, start.target_dataset)
            return digest([code, start.initialisation, needed, host, texts])
        return digest([stage_code("make_starts", rule), start.initialisation, needed, host])

    def training(self) -> dict[str, Any]:
        """The part of the training section that a training in the target host depends on."""
        return {name: self.config["training"][name] for name in TRAINED_BY}

    def lm_type(self) -> dict[str, Any]:
        """The part of the training section that a test depends on."""
        return {name: self.config["training"][name] for name in READ_BY}

    def technique(self, name: str) -> dict[str, Any]:
        """The part of a technique's entry that a training in the target host depends on; nothing for the bare host."""
        entry = self.config["techniques"].get(name, {})
        return {key: value for key, value in entry.items() if key not in SOURCE_ONLY}

    def form(self, name: str) -> dict[str, Any]:
        """The part of a technique's entry that says what its modules are, and not how they are trained."""
        return {key: value for key, value in self.technique(name).items() if key != "learning_rate"}

    def evaluation(self, cell: Cell) -> str:
        """Of one cell, and of all that share its job."""
        prompts = self.prompts(cell.target_host, cell.target_dataset)
        data = [self.host(cell.target_host), prompts, self.config["evaluation"]]
        if cell.initialisation == "bare":
            code = stage_code("evaluate_cell", *self._answering(cell.target_host))
            return digest([code, data, self.lm_type()])
        code = stage_code("evaluate_cell", self._method(cell.technique), *self._answering(cell.target_host))
        if cell.initialisation == "native":
            modules = [self.module(source) for source in self.study.sources_of(cell)]
            return digest([code, data, modules, self.lm_type()])
        first, *others = self.study.company(cell)
        if cell != first:
            return self.evaluation(first)
        starts = [self.start(self.study.start_of(one)) for one in (first, *others)]
        trained = [code, data, starts, self.technique(cell.technique), self.training()]
        return digest([*trained, self._budgets(cell, trained)])

    def budgets(self, cell: Cell) -> list[int]:
        """The budgets that a cell is tested at: those of the study, or more where a finished file holds more.

        Of a finished cell a study with fewer budgets needs nothing new, so removing a budget reruns no cell.
        """
        if cell.is_reference:
            return [0]
        first = self.study.company(cell)[0]
        self.evaluation(first)  # which decides
        return self._tested[first.path]

    def _budgets(self, cell: Cell, trained: list[Any]) -> list[int]:
        wanted, found = self.study.budgets, self.made(cell)
        held = found.get("budgets", [])
        serves = set(wanted) < set(held) and found.get("key") == digest([*trained, held])
        self._tested[cell.path] = held if serves else wanted
        return self._tested[cell.path]

    def made(self, cell: Cell) -> dict[str, Any]:
        """How the scores of a cell were made; empty where there are none."""
        path = self.folder / "results" / self.study.name / cell.path / "scores.parquet"
        if not path.is_file():
            return {}
        from peftport.storage.parquet import (
            read_provenance,  # only here: a study's first run need not wait for the import
        )

        with contextlib.suppress(ValueError):  # damaged: made anew, or found by who reads it
            return read_provenance(path)
        return {}

    def costs(self, host: str) -> str:
        """Of what the study's techniques cost in one target host."""
        names = self.config["grid"]["techniques"]
        forms = {name: self.form(name) for name in names}
        code = stage_code("measure_costs", *sorted({self._method(name) for name in names}), *self._reading(host))
        data = [self.host(host), self.prompts(host, self.study.costed)]
        return digest([code, forms, data, self.training(), self.config["costs"]])

    def described(self) -> str:
        """Of the table `techniques`, that joins typology, costs and portability."""
        methods = {name: self.config["techniques"][name]["method"] for name in self.config["grid"]["techniques"]}
        costs = [self.costs(host) for host in self.study.targets]
        code = [stage_code("describe_techniques"), _file(TYPOLOGY)]
        return digest([code, methods, costs, self.table("portability"), self.runs()])

    def runs(self) -> str:
        """Of the tables that hold one row per run and reference."""
        cells = sorted((counted.path, self.evaluation(done)) for counted, done in self.study.expanded_runs())
        references = sorted((cell.path, self.evaluation(cell)) for cell in self.study.cells if cell.is_reference)
        asked = [self.study.budgets, self.study.unasked]
        return digest([stage_code("gather_runs"), self.study.name, asked, cells, references])

    def statistics(self, table: str) -> str:
        """Of one table of statistics."""
        code = stage_code("compute_statistics", f"peftport.statistics.{table}")
        read = [self.table(name) for name in STATISTICS[table] if name != "predictions"]
        return digest([code, read, self.runs(), settings_of(table, self.config["statistics"])])

    def figure(self, name: str, tables: list[str]) -> str:
        """Of one figure, over the tables it is drawn from."""
        return digest([stage_code("draw_figure", f"peftport.figures.{name}"), [self.table(table) for table in tables]])

    def report(self, tables: list[str], figures: dict[str, list[str]]) -> str:
        """Of the report."""
        drawn = {name: self.figure(name, needs) for name, needs in figures.items()}
        return digest([stage_code("write_report"), self.study.used(), [self.table(table) for table in tables], drawn])

    def table(self, name: str) -> str:
        """Of any table."""
        if name == "overlap":
            return self.overlap()
        if name == "techniques":
            return self.described()
        return self.runs() if name in ("runs", "references") else self.statistics(name)
