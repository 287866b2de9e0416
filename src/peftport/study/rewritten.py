"""Which transfers of a study are between a host and the same one in other coordinates."""

from peftport.hosts.recipe_settings import RewrittenHostSettings
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


def changes(study: Study) -> list[JsonObject]:
    """Each transfer between a host and its rewritten version, with its ``coordinates``: what is changed to how."""
    found = []
    for transfer in study.moving_transfers:
        coordinates = _coordinates(study, transfer.target, transfer.source) or _coordinates(
            study, transfer.source, transfer.target
        )
        if coordinates is not None:
            hosts = {"source_host": transfer.source, "target_host": transfer.target, "map": transfer.map}
            found.append(hosts | {"coordinates": coordinates})
    return found


def _coordinates(study: Study, host: str, base: str) -> JsonObject | None:
    """The coordinates in which a host is the other one; None where it is not."""
    recipe = study.config.hosts[host].build
    is_version = isinstance(recipe, RewrittenHostSettings) and recipe.base == base
    return recipe.coordinates.as_json() if is_version else None
