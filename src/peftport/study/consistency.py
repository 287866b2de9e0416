"""What a schema cannot say about a config: names that must be defined, order, files that must be there, shapes."""

from pathlib import Path
from typing import Any

from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.locate import bundled_names
from peftport.hosts.shape import common, declared
from peftport.porting.compatibility import differences
from peftport.prompting.template import check_template
from peftport.registry import unknown_name
from peftport.study.grid import FITTED, Study
from peftport.techniques.table import NO_OUTPUT

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "spiece.model", "vocab.json", "vocab.txt")
GENERATED = ("negative", "positive")
FIRST_ROWS = 1000  # of a local file, read before any job starts; the whole file is read by the job that prepares it


class ConfigError(ValueError):
    """What is wrong with a config: key, value, what is allowed, the nearest valid name."""


def check_meaning(config: dict[str, Any], folder: Path) -> None:
    """Check a config that fits the schema and has its defaults.

    Args:
        folder: where relative paths in the config start.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    _check_names(config)
    _check_grid(config["grid"])
    for name, host in config["hosts"].items():
        _check_host(name, host, folder)
        _check_recipe(name, config["hosts"], folder)
    for name, dataset in config["datasets"].items():
        _check_dataset(name, dataset, folder)
    _check_templates(Study(config), folder)
    _check_fitted(config)
    _check_siblings(Study(config))
    _check_transfers(Study(config), folder)


def _check_names(config: dict[str, Any]) -> None:
    grid, hosts, datasets = config["grid"], config["hosts"], config["datasets"]
    for index, name in enumerate(grid["techniques"]):
        if name not in config["techniques"]:
            raise ConfigError(
                f"config key `grid.techniques.{index}`: {unknown_name('technique', name, config['techniques'])}"
            )
    for key, known, what in (("transfers", hosts, "host"), ("dataset_pairs", datasets, "dataset")):
        for index, pair in enumerate(grid[key]):
            for end in ("source", "target"):
                if pair[end] not in known:
                    raise ConfigError(f"config key `grid.{key}.{index}.{end}`: {unknown_name(what, pair[end], known)}")
    for name, host in hosts.items():
        if (base := host.get("build", {}).get("base")) is not None and base not in hosts:
            raise ConfigError(f"config key `hosts.{name}.build.base`: {unknown_name('host', base, hosts)}")


def _check_grid(grid: dict[str, Any]) -> None:
    budgets = grid["budgets"]
    if budgets != sorted(set(budgets)):
        raise ConfigError(f"config key `grid.budgets`: expected rising numbers of steps, got {budgets}.")
    nested = [isinstance(entry, list) for entry in grid["seeds"]]
    if any(nested) and not all(nested):
        raise ConfigError(f"config key `grid.seeds`: expected seeds or lists of seeds, not both, got {grid['seeds']}.")
    seeds = [seed for block in grid["seeds"] for seed in block] if all(nested) else grid["seeds"]
    for what, entries in (("seeds", seeds), ("transfers", grid["transfers"]), ("dataset_pairs", grid["dataset_pairs"])):
        twice = [entry for index, entry in enumerate(entries) if entry in entries[:index]]
        if twice:
            raise ConfigError(f"config key `grid.{what}`: expected each entry once, got {twice[0]} twice.")


def _check_fitted(config: dict[str, Any]) -> None:
    """Fitted initialisations are scaled by the output of a technique, and not every technique says what that is."""
    for kind in [kind for kind in config["grid"]["initialisations"] if kind in FITTED]:
        for name in config["grid"]["techniques"]:
            if (reason := NO_OUTPUT.get(config["techniques"][name]["method"])) is not None:
                raise ConfigError(
                    f"config key `grid.initialisations`: `{kind}` cannot be made for the technique `{name}`: {reason}. "
                    "Use `sampled` instead."
                )


def _check_siblings(study: Study) -> None:
    """`target_mean` takes the mean over other modules: on other datasets, or else of other seeds of the block."""
    for start in study.starts:
        for seed in study.blocks[start.block] if start.initialisation == "target_mean" else []:
            if not study.siblings(start, seed):
                raise ConfigError(
                    "config key `grid.initialisations`: `target_mean` is a mean over other modules in the target host, "
                    f"and there is none for seed {seed}: expected two datasets in `grid.dataset_pairs`, or at least "
                    f"two seeds in every block of `grid.seeds`, got {list(study.blocks.values())}."
                )


def _check_transfers(study: Study, folder: Path) -> None:
    """Refuse what cannot be copied, as far as the shapes of the hosts are known before they are there."""
    hosts = study.config["hosts"]
    for index, transfer in enumerate(study.copied_transfers):
        pair = [_declared(transfer[end], hosts, folder) for end in ("source", "target")]
        if None not in pair and (found := differences(*common(*pair))):
            raise ConfigError(
                f"config key `grid.transfers.{index}`: a module cannot be copied {transfer['source']} -> "
                f"{transfer['target']}: expected hosts of one shape, they differ in\n  " + "\n  ".join(found)
            )


def _declared(name: str, hosts: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    try:
        return declared(name, hosts, folder)
    except (ValueError, OSError) as error:
        raise ConfigError(f"config key `hosts.{name}`: {error}.") from error


def _check_host(name: str, host: dict[str, Any], folder: Path) -> None:
    if "bundled" in host and host["bundled"] not in bundled_names():
        said = unknown_name("bundled host", host["bundled"], bundled_names())
        raise ConfigError(f"config key `hosts.{name}.bundled`: {said}")
    if "path" in host:
        path = folder / host["path"]
        expected = (
            f"config key `hosts.{name}.path`: expected a host directory with config.json, *.safetensors and tokenizer "
            f"files, got {host['path']!r}"
        )
        if not _is_file(path / "config.json"):
            raise ConfigError(f"{expected}, which has no config.json (looked in {folder}).")
        if not any(path.glob("*.safetensors")):
            others = ", ".join(sorted(file.name for file in path.glob("*.bin"))) or "none"
            raise ConfigError(f"{expected}, which has no *.safetensors (files that are not read: {others}).")
        if not any((path / file).is_file() for file in TOKENIZERS):
            raise ConfigError(f"{expected}, which has none of {', '.join(TOKENIZERS)}.")


def _check_recipe(name: str, hosts: dict[str, Any], folder: Path) -> None:
    recipe, seen = hosts[name].get("build", {}), [name]
    while (base := hosts[seen[-1]].get("build", {}).get("base")) is not None:
        if base in seen:
            circle = " <- ".join([*seen, base])
            raise ConfigError(f"config key `hosts.{name}.build.base`: built from itself ({circle}).")
        seen.append(base)
    if "shape" in recipe and recipe["shape"]["d_model"] % recipe["shape"]["heads"]:
        width, heads = recipe["shape"]["d_model"], recipe["shape"]["heads"]
        raise ConfigError(
            f"config key `hosts.{name}.build.shape.d_model`: expected a multiple of `heads` ({heads}), got {width}."
        )
    for part in {"corpus", "instructions"} & recipe.keys():
        texts, key = recipe[part], f"hosts.{name}.build.{part}"
        if ("generated" in texts) == ("files" in texts):
            raise ConfigError(f"config key `{key}`: expected one of `generated`, `files`.")
        if "files" in texts and part == "instructions" and "examples" not in texts:
            raise ConfigError(f"config key `{key}`: `files` need a number of `examples`.")
        for file in texts.get("files", []):
            if not _is_file(folder / file):
                raise ConfigError(f"config key `{key}.files`: expected a file, {file!r} is none (looked in {folder}).")


def _check_dataset(name: str, dataset: dict[str, Any], folder: Path) -> None:
    key, source, labels = f"datasets.{name}", dataset["source"], dataset["labels"]
    _check_template(name, dataset, cloze=True)
    if len(set(labels.values())) < 2:
        words = list(labels.values())
        raise ConfigError(f"config key `{key}.labels`: expected at least two label words, got {words}.")
    if "generated" in source and set(labels) != set(GENERATED):
        raise ConfigError(
            f"config key `{key}.labels`: expected a word for each of `negative` and `positive`, the values of "
            f"generated data, got {', '.join(f'`{value}`' for value in labels)}."
        )
    for index, file in enumerate(source.get("files", [])):
        if not _is_file(folder / file["path"]):
            raise ConfigError(
                f"config key `{key}.source.files.{index}.path`: expected a file, {file['path']!r} is none "
                f"(looked in {folder})."
            )
        _check_first_rows(f"{key}.source.files.{index}", file, labels, folder)


def _check_first_rows(key: str, file: dict[str, Any], labels: dict[str, str], folder: Path) -> None:
    from peftport.data.readers import read_file  # studies without local files do not load pyarrow for it

    try:
        found = read_file(file, labels, folder, FIRST_ROWS)
    except (ValueError, OSError) as error:
        raise ConfigError(f"config key `{key}`: {error}") from error
    if not found:
        raise ConfigError(f"config key `{key}`: {file['path']!r} holds no example.")


def _check_template(name: str, dataset: dict[str, Any], cloze: bool) -> None:
    try:
        check_template(dataset["template"], cloze)
    except ValueError as error:
        raise ConfigError(f"config key `datasets.{name}.template`: {error}") from error


def _check_templates(study: Study, folder: Path) -> None:
    """Refuse an answer before the end where a host writes it behind the prompt, as far as hosts are known before."""
    hosts = study.config["hosts"]
    kinds = {found["model_type"] for name in study.hosts if (found := _declared(name, hosts, folder))}
    if any(family(kind).lm_type != "masked" for kind in kinds & FAMILIES.keys()):
        for name in study.datasets:
            _check_template(name, study.config["datasets"][name], cloze=False)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; names that no file can have are none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
