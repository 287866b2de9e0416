"""Datasets that go through the hosts' chat templates: what can be wrong with that before a job runs."""

from collections.abc import Mapping

from peftport.hosts.chat_templates import FoundTemplate, found_template
from peftport.hosts.families.table import FAMILIES
from peftport.prompting.chat import opened, refuse_unless_there
from peftport.prompting.lm_types.table import refuse_unless_conversing
from peftport.prompting.template import check_template
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


def chatting(study: Study) -> list[str]:
    """The datasets of a study whose prompts go through chat templates."""
    return [name for name in study.datasets if study.config.datasets[name].chat]


def check_chat(study: Study, dataset: str, declared: Mapping[str, JsonObject | None]) -> None:
    """Check that every host of a study can be asked a dataset by its chat template, as far as the hosts are known.

    Args:
        declared: of each host what is known before it is there.

    Raises:
        OSError, ValueError: one cannot; the message begins with the host.
    """
    definition, hosts, folder = study.config.datasets[dataset], study.config.hosts, study.folder
    check_template(definition.template, chat=True)
    for host in study.hosts:
        known, template = declared[host], found_template(host, hosts, folder)
        try:
            if known is not None and known["model_type"] in FAMILIES:
                refuse_unless_conversing(study.lm_type(host, known["model_type"]))
            if template is not None:
                _try(template, definition.template, definition.conversation)
        except ValueError as error:
            raise ValueError(f"host `{host}`: {error}") from error


def _try(found: FoundTemplate, message: str, chat: dict[str, str]) -> None:
    """Run a chat template once on a message."""
    from peftport.prompting.chat_sandbox import sandboxed  # studies without chats do not load jinja for it

    refuse_unless_there(found.template)

    def write(messages: list[dict[str, str]], answering: bool) -> str:
        return sandboxed(found.template, found.special)(messages, answering)

    opened(write, message, chat)
