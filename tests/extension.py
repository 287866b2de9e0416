"""The package of docs/extend.md, laid out as pip would install it; nothing is fetched or built."""

import re
import tomllib
from pathlib import Path

from peftport.paths import CHECKOUT

NAME, VERSION = "peftport_example", "1.0"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """The blocks of one kind in a page of the documentation."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    return [content for name, content in BLOCK.findall(text) if name == kind]


def install(folder: Path) -> Path:
    """Write the package and what pip notes of it into a folder; returns the package's own."""
    package, noted = folder / NAME, folder / f"{NAME}-{VERSION}.dist-info"
    package.mkdir(parents=True)
    noted.mkdir()
    taken, settings, start, figure = blocks("extend.md", "python")
    technique = blocks("add-a-technique.md", "python")[0]
    line = "from peftport.techniques.settings import AdapterBiasSettings\n"
    assert line in technique
    files = {
        "__init__": "",
        "adapter_bias": technique.replace(line, taken),
        "bias_settings": settings,
        "half_noise": start,
        "spread": figure,
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    groups = tomllib.loads(blocks("extend.md", "toml")[0])["project"]["entry-points"]
    write_entry_points(noted, groups)
    (noted / "METADATA").write_text(f"Metadata-Version: 2.1\nName: peftport-example\nVersion: {VERSION}\n")
    return package


def write_entry_points(noted: Path, groups: dict[str, dict[str, str]]) -> None:
    """Write what an installed package offers."""
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in one.items()) for group, one in groups.items()
    ]
    (noted / "entry_points.txt").write_text("\n".join(lines))
