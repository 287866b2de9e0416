"""What a host is: where it lies, its shape, its fingerprints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.hosts.locate import origin_folder, read_files
from peftport.stages.made_hosts import made_model, made_note
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
        return {"model": made_model(study, self.host), "note": made_note(study, self.host)}

    def settings(self, study: Study) -> JsonObject:
        return {"definition": study.config.hosts[self.host].as_json()}

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host)

    def files(self, study: Study) -> Sequence[Path]:
        host = study.config.hosts[self.host]
        if host.converted or host.kind in ("build", "hub"):  # in the key by what makes them, and by the commit
            return ()
        folder = origin_folder(host, study.folder)
        return [folder / name for name in read_files(folder)]


def host_inputs(study: Study, host: str, name: str = "card") -> dict[str, Output | list[Output]]:
    """What a stage reads that uses a host: its facts, as the input ``name``, and its files if the study makes them."""
    return {name: IdentifyHost(host).output("host"), "model": made_model(study, host)}
