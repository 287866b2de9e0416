"""The language model types by name: how hosts of a type are asked a question and where their answer stands.

A host classifies through its own language-model head by label words; what differs is where the word is read: in
the decoder's output (``encoder_decoder``), at the mask positions of a cloze (``masked``), or as the next tokens
(``causal``). Or it has a classification head with one output per label (``classifier``). Each type is one module,
imported when it is asked for, with

* ``MODEL``: transformers' class that loads such a host with its head;
* ``check(tokenizer, config)``: raises ValueError where a host cannot be read like this;
* ``label_tokens(tokenizer, words, template, chat)``: the tokens of each label word where the template puts its answer;
* ``conversation(opened)``: the template that a chat template makes of a message, unless the type stands in ``NO_CHAT``;
* ``encode(task, texts)``: one prompt per text, cut to ``task.longest_prompt()`` tokens;
* ``room_of_answer(task)``: tokens that the answer takes behind a prompt;
* ``answers(task)``: what the host learns to write for each label word, its end included;
* ``batch(task, prompts, taught)``: the host's arguments for training, as padded arrays, from what it learns to write
  for each prompt; ``labels`` are -100 wherever the loss has nothing to say.

Types whose hosts write answers of any length have further

* ``answer_lead(template)``: what an answer is written behind, for a tokenizer to see;
* ``written(task, ids)``: what the host learns to write for an answer of these tokens, its end included.

A ``task`` is a ``peftport.prompting.task.Task``. How the label words are scored and how a free answer is written is the
module of the same name in ``peftport.evaluation``, so that a change there trains nothing anew.
"""

from types import ModuleType

from peftport.registry import import_entry

CLASSIFIER = "classifier"
LM_TYPES = {
    "encoder_decoder": "peftport.prompting.lm_types.encoder_decoder",
    "masked": "peftport.prompting.lm_types.masked",
    "causal": "peftport.prompting.lm_types.causal",
    CLASSIFIER: "peftport.prompting.lm_types.classifier",
}


# types that cannot be asked by a chat template, with the reason
NO_CHAT = {
    "masked": "a masked language model fills a gap in a text, and answers no message: take `chat` away",
    CLASSIFIER: "a classification head answers no message: take `chat` away",
}


def lm_type(name: str) -> ModuleType:
    """Import the language model type ``name``, and only that one.

    Raises:
        ValueError: no such type.
    """
    return import_entry("lm_type", name, LM_TYPES)


def refuse_unless_conversing(name: str) -> None:
    """Raise ValueError if hosts of a type cannot be asked by a chat template."""
    if name in NO_CHAT:
        raise ValueError(NO_CHAT[name])
