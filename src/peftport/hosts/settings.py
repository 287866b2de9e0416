"""Settings of a host: where it comes from."""

from pydantic import Field

from peftport.hosts.recipe_settings import HostRecipe
from peftport.settings import OneOf, Settings, Text, optional


class HubHost(Settings):
    """A host of the Hugging Face hub."""

    id: Text = Field(description="repository, such as google/flan-t5-base")
    revision: Text = Field("main", description="branch, tag or (best) commit")


class HostSettings(OneOf):
    """Where a host comes from, exactly one of these."""

    bundled: Text | None = optional(description="name of a small host that ships with peftport")
    path: Text | None = optional(description="local directory: config.json, model.safetensors, tokenizer files")
    hub: HubHost | None = optional()
    build: HostRecipe | None = optional(
        description="a small host, built by the study; raw (`corpus`) or trained further (`base` and `instructions`)"
    )
