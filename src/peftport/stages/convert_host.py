"""A host's files in safetensors, from a GGUF file or from weights that torch has pickled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.hosts.locate import files_beside, origin_folder, pickled_files
from peftport.stages.sections import host_code
from peftport.stages.stage import Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class ConvertHost(Stage):
    """A host whose weights are no safetensors where they come from."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"conversion": "conversion.json"}
    FOLDERS = {"model": "converted"}
    WITHOUT_KEY = frozenset({"model"})

    def settings(self, study: Study) -> JsonObject:
        return {"definition": study.config.hosts[self.host].as_json()}

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host) if study.config.hosts[self.host].gguf is not None else ()

    def files(self, study: Study) -> Sequence[Path]:
        host = study.config.hosts[self.host]
        if host.gguf is not None:
            return [study.folder / host.gguf.file]
        if host.hub is not None:  # in the key by the commit
            return ()
        folder = origin_folder(host, study.folder)
        return sorted({*files_beside(folder), *pickled_files(folder)})
