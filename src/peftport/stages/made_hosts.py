"""The hosts whose files the study makes: built, trained further, written in other coordinates, or converted."""

from peftport.hosts.recipe_settings import FurtherHostSettings, RewrittenHostSettings
from peftport.stages.build_host import BuildHost
from peftport.stages.convert_host import ConvertHost
from peftport.stages.further_train_host import FurtherTrainHost
from peftport.stages.rewrite_host import RewriteHost
from peftport.stages.stage import Output
from peftport.study.study import Study


def made_model(study: Study, host: str) -> list[Output]:
    """The files of a host that the study makes; none of a host from elsewhere."""
    return [stage.output("model") for stage in _makers(study, host)]


def made_note(study: Study, host: str) -> list[Output]:
    """The file in which the digests of these files stand."""
    return [stage.output(next(iter(stage.FILES))) for stage in _makers(study, host)]


def _makers(study: Study, host: str) -> list[BuildHost | ConvertHost | FurtherTrainHost | RewriteHost]:
    settings = study.config.hosts[host]
    if settings.converted:
        return [ConvertHost(host)]
    if isinstance(settings.build, FurtherHostSettings):
        return [FurtherTrainHost(host)]
    if isinstance(settings.build, RewrittenHostSettings):
        return [RewriteHost(host)]
    return [BuildHost(host)] if settings.build is not None else []
