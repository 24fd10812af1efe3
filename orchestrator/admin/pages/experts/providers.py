"""What is asked of an expert of each kind: the fields of its form. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["text", "long", "code", "number", "words", "switch", "choice"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form.

    Args:
        name: As in the entry, such as ``price.input``.
        label: For people.
        kind: What is typed or chosen.
        hint: What it means, below it.
        required: Whether the form marks it as needed.
        options: Of a choice, by value.
        placeholder: An example.
    """

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A kind of expert.

    Args:
        name: As in the entry.
        title: For people.
        text: When it is the one to choose.
        icon: Of Material Icons.
        fields: That matter for it.
        endpoint: What is asked for each endpoint: its address, a key; empty: it has none.
        address: Label of the address.
        several: Whether it may have replicas.
    """

    name: str
    title: str
    text: str
    icon: str
    fields: tuple[Field, ...]
    endpoint: tuple[Literal["url", "key"], ...] = ()
    address: str = "Address"
    address_hint: str = ""
    several: bool = False


_ID = Field(
    "id",
    "Id",
    required=True,
    placeholder="my-expert",
    hint="Requests name it so. Lower-case letters, digits, '.', '_', '-'. It never changes.",
)
_NAME = Field("name", "Name", hint="For people.")
_MODEL = Field("model", "Model", required=True)
_TAGS = Field(
    "tags",
    "Tags",
    "words",
    hint="With commas between. The id of a category marks a specialist, 'general' a generalist.",
)
_CAPABILITIES = Field(
    "capabilities",
    "What it can do",
    "choice",
    hint="The router asks only experts that can do what a request needs.",
    options=(
        ("streaming", "Streaming"),
        ("tools", "Tools"),
        ("json", "JSON answers"),
        ("vision", "Images"),
        ("embeddings", "Embeddings (does not chat)"),
    ),
)
_WINDOW = Field(
    "context_window", "Context window", "number", "Tokens of prompt and answer together."
)
_INPUT = Field("price.input", "Price of input", "number", "US dollars per million prompt tokens.")
_OUTPUT = Field(
    "price.output", "Price of output", "number", "US dollars per million answer tokens."
)
_SIZE = Field(
    "active_parameters", "Active parameters", "number", "Billions that work on each token."
)

ADVANCED: tuple[Field, ...] = (
    Field("description", "Description", "long", "For people; /v1/models shows it."),
    Field(
        "system_prompt",
        "System prompt",
        "long",
        "Put before the caller's messages: the same model with another one is another expert.",
    ),
    Field(
        "parameters",
        "Parameters",
        "code",
        "JSON: what holds where the caller says nothing.",
        placeholder='{"temperature": 0.2}',
    ),
    _SIZE,
    Field(
        "total_parameters",
        "Total parameters",
        "number",
        "Billions in all, those that rest included.",
    ),
    Field(
        "price.cached_input",
        "Price of cached input",
        "number",
        "Of prompt tokens the vendor had in its cache.",
    ),
    Field("price.cache_write", "Price of cache writes", "number", "Of prompt tokens put there."),
    Field("price.reasoning", "Price of reasoning", "number", "Of answer tokens spent on thinking."),
    Field(
        "aliases",
        "More names",
        "words",
        "With commas between: requests may call it by these, too.",
    ),
    Field(
        "fallbacks",
        "Fallbacks",
        "words",
        "Ids of experts asked in turn where this one was named and fails.",
    ),
    Field(
        "accepts",
        "Only for",
        "choice",
        "The router picks it only for such requests; none: for all.",
        options=(("executable", "Code or arithmetic that can be run"),),
    ),
    Field("enabled", "Enabled: it is used", "switch"),
)

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "openai",
        "OpenAI-compatible server",
        "vLLM, SGLang, llama.cpp, Ollama, OpenAI and many vendors.",
        "dns",
        (
            _ID,
            _NAME,
            replace(_MODEL, hint="As the server calls it.", placeholder="qwen3-8b"),
            _TAGS,
            _INPUT,
            _OUTPUT,
            _WINDOW,
            _CAPABILITIES,
        ),
        endpoint=("url", "key"),
        address_hint="Up to and including /v1, such as http://127.0.0.1:8000/v1",
        several=True,
    ),
    Provider(
        "litellm",
        "Vendor through litellm",
        "Anthropic, Gemini, Bedrock and others, in their own protocols.",
        "cloud",
        (
            _ID,
            _NAME,
            replace(
                _MODEL,
                hint="As litellm names it: vendor/model.",
                placeholder="anthropic/claude-sonnet-4-5",
            ),
            _TAGS,
            _INPUT,
            _OUTPUT,
            _WINDOW,
            _CAPABILITIES,
        ),
        endpoint=("key", "url"),
        address_hint="Only where it is not the vendor's usual one.",
        several=True,
    ),
    Provider(
        "local",
        "Model in this process",
        "A GGUF file, loaded when it is asked.",
        "memory",
        (
            _ID,
            _NAME,
            replace(
                _MODEL,
                required=False,
                hint="'smollm2-135m-instruct' comes as a package; else leave it and name a file.",
                placeholder="smollm2-135m-instruct",
            ),
            _TAGS,
            _SIZE,
            _WINDOW,
            _CAPABILITIES,
        ),
        endpoint=("url",),
        address="GGUF file",
        address_hint="A path on the machine of the service.",
    ),
    Provider(
        "scripted",
        "Scripted",
        "Answers by a script, for demonstrations and tests; costs nothing.",
        "theaters",
        (
            _ID,
            _NAME,
            replace(
                _MODEL,
                label="Script",
                required=False,
                hint="Steps with '|' between: fixed:TEXT, echo, delay:SECONDS, fail:STATUS, ...",
                placeholder="delay:0.2|fixed:Hello",
            ),
            _TAGS,
            _INPUT,
            _OUTPUT,
            _CAPABILITIES,
        ),
    ),
    Provider(
        "python",
        "Python interpreter",
        "Runs the code, or works out the arithmetic, of the last message. No files, no network.",
        "terminal",
        (_ID, _NAME, _TAGS),
    ),
    Provider(
        "replay",
        "Recorded answers",
        "Serves answers from a record of questions and answers.",
        "replay",
        (
            _ID,
            _NAME,
            replace(_MODEL, required=False, hint="Whose answers of the record."),
            _TAGS,
            _INPUT,
            _OUTPUT,
        ),
        endpoint=("url",),
        address="Record",
        address_hint="Path of a JSONL file, plain or gzipped.",
    ),
)
_BY_NAME = {one.name: one for one in PROVIDERS}


def provider_of(name: str) -> Provider:
    """Return a kind of expert by its name in an entry; one that is unknown is an OpenAI-compatible server."""
    return _BY_NAME.get(name, PROVIDERS[0])


def rest_of(provider: Provider) -> tuple[Field, ...]:
    """Return the fields that matter less for a kind of expert: those of all kinds that are not among its own."""
    own = {field.name for field in provider.fields}
    others = (_INPUT, _OUTPUT, _WINDOW, _CAPABILITIES)
    return tuple(field for field in (*others, *ADVANCED) if field.name not in own)
