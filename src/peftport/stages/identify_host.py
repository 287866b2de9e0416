"""What a host is: where it lies, its shape, its fingerprints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.hosts.locate import host_folder, read_files
from peftport.stages.build_host import BuildHost, built_model
from peftport.stages.sections import host_code
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class IdentifyHost(Stage):
    """The facts of one host; stages that use the host read them."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"host": "host.json"}

    def needs(self, study: Study) -> Needs:
        model = built_model(study, self.host)
        return {"model": model, "curve": [BuildHost(self.host).output("curve")] if model else []}

    def settings(self, study: Study) -> JsonObject:
        return {"definition": study.config.hosts[self.host].as_json()}

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host)

    def files(self, study: Study) -> Sequence[Path]:
        host = study.config.hosts[self.host]
        if host.kind in ("build", "hub"):  # in the key by the recipe, and by the commit
            return ()
        folder = host_folder(host, Path(), study.folder)
        return [folder / name for name in read_files(folder)]


def host_inputs(study: Study, host: str, name: str = "card") -> dict[str, Output | list[Output]]:
    """What a stage reads that uses a host: its facts, as the input ``name``, and its files if the study builds it."""
    return {name: IdentifyHost(host).output("host"), "model": built_model(study, host)}
