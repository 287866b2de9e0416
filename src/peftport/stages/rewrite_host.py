"""A host of the study in other coordinates, in which it computes the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.sections import host_code
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class RewriteHost(Stage):
    """Another version of a host of the study: other weights, the same function."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"note": "rewriting.json"}
    FOLDERS = {"model": "rewritten"}
    WITHOUT_KEY = frozenset({"model"})

    def needs(self, study: Study) -> Needs:
        from peftport.stages.identify_host import IdentifyHost  # which needs made hosts itself
        from peftport.stages.made_hosts import made_model

        base = study.config.hosts[self.host].build.base
        return {"base": IdentifyHost(base).output("host"), "base_model": made_model(study, base)}

    def settings(self, study: Study) -> JsonObject:
        return {"recipe": study.config.hosts[self.host].build.as_json()}

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host)
