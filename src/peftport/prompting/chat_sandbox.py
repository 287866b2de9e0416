"""A chat template run without transformers, so that a plan can try it and need not load torch.

The same sandbox as transformers' (``utils/chat_template_utils.py``, 5.23): no attribute that begins with an underscore,
nothing that changes a value, no loader that could read a file. Jobs use the tokenizer's own ``apply_chat_template``.
"""

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from peftport.prompting.chat import Messages, Write, template_source

SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def sandboxed(template: str, special: Mapping[str, str]) -> Write:
    """How a chat template writes a conversation.

    Args:
        special: the tokenizer's special tokens by transformers' names; those that are not known write nothing.

    Raises:
        jinja2.TemplateError: it is no template. What is returned raises that and more when it is called.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {"raise_exception": _refuse, "dict": _dict, "namespace": _Namespace}
    program = environment.from_string(template_source(template))
    known = dict.fromkeys(SPECIAL, "") | dict(special)

    def write(messages: Messages, answering: bool) -> str:
        said = [dict(message) for message in messages]
        return program.render(messages=said, tools=None, documents=None, add_generation_prompt=answering, **known)

    return write


class _Generation(Extension):
    """The tag ``{% generation %}``, which marks an answer and writes nothing."""

    tags = {"generation"}  # noqa: RUF012 - a set of jinja's

    def parse(self, parser: Any) -> nodes.CallBlock:
        """The block as jinja's nodes."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller: Any) -> str:
        return caller()


class _Namespace(Namespace):
    """jinja's ``namespace`` without attributes that begin with an underscore."""

    def __init__(*args: Any, **named: Any) -> None:  # a template may have an attribute `self`
        space, *given = args
        attributes = dict(*given, **named)
        for name in attributes:
            _refuse_underscore(name)
        Namespace.__init__(space, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore(name)
        super().__setitem__(name, value)


def _refuse_underscore(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a chat template cannot store {name!r} in a namespace")


def _dict(*args: Any, **named: Any) -> dict:
    return dict(*args, **named)


def _tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise TemplateError(message)
