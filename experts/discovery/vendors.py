"""Vendors whose key in the environment is enough to serve their models. Data.

Context windows, capabilities and prices (US dollars per million tokens) are those of the price
list bundled with the locked litellm; they change, so check them against the vendor's own page
before they decide about money. A test compares them with the list that is installed; that list, with
its prices by length and tier of service, goes before what stands here (:mod:`.price_list`).
"""

from __future__ import annotations

from dataclasses import dataclass

ALL = frozenset({"tools", "vision", "json", "streaming"})
TEXT = frozenset({"tools", "json", "streaming"})


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a vendor.

    Args:
        name: Its name at the vendor.
        priced_as: Its name in litellm's price list; empty where the list lacks it.
        context: Tokens of the prompt.
        price: Of a million prompt tokens and of a million answer tokens.
        capabilities: What it can do.
        parameters: Active and total, in billions, where published.
        cached: Price of a million prompt tokens that the vendor found in its cache.
        cache_write: Price of a million that it put there, where that is dearer than to read them.
    """

    name: str
    priced_as: str
    context: int
    price: tuple[float, float]
    capabilities: frozenset[str] = ALL
    parameters: tuple[float, float] | None = None
    cached: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor.

    Args:
        id: Prefix of the experts' ids.
        name: For people.
        keys: Environment variables that may hold the key; the first one that is set counts.
        models: The models to serve, strongest first.
        url: Base URL where the vendor speaks OpenAI's wire without conditions; without it, calls
            go through litellm, and ``litellm`` is its name for the vendor.
        litellm: See ``url``.
    """

    id: str
    name: str
    keys: tuple[str, ...]
    models: tuple[Model, ...]
    url: str | None = None
    litellm: str = ""


_GPT_OSS_120B = (5.1, 117.0)
_GPT_OSS_20B = (3.6, 21.0)

VENDORS: tuple[Vendor, ...] = (
    # Through litellm: OpenAI's reasoning models refuse 'max_tokens' and 'temperature', which
    # litellm renames and drops.
    Vendor(
        "openai",
        "OpenAI",
        ("OPENAI_API_KEY",),
        (
            Model("gpt-6.1-sol", "gpt-6.1-sol", 922_000, (2.0, 10.0), cached=0.1, cache_write=2.5),
            Model("gpt-6-luna", "gpt-6-luna", 922_000, (0.1, 0.5), cached=0.01, cache_write=0.125),
        ),
        litellm="openai",
    ),
    Vendor(
        "anthropic",
        "Anthropic",
        ("ANTHROPIC_API_KEY",),
        (
            Model(
                "claude-sonnet-5-5",
                "claude-sonnet-5-5",
                1_000_000,
                (2.0, 10.0),
                cached=0.1,
                cache_write=2.5,
            ),
            Model(
                "claude-haiku-5-5",
                "claude-haiku-5-5",
                1_000_000,
                (0.1, 0.5),
                cached=0.01,
                cache_write=0.125,
            ),
        ),
        litellm="anthropic",
    ),
    Vendor(
        "gemini",
        "Google Gemini",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        (
            Model(
                "gemini-3.8-flash", "gemini/gemini-3.8-flash", 1_048_576, (0.75, 3.75), cached=0.075
            ),
            Model(
                "gemini-3.5-flash-lite",
                "gemini/gemini-3.5-flash-lite",
                1_048_576,
                (0.3, 2.5),
                cached=0.03,
            ),
        ),
        litellm="gemini",
    ),
    # Through litellm: Mistral refuses fields that it does not know, 'stream_options' among them.
    Vendor(
        "mistral",
        "Mistral",
        ("MISTRAL_API_KEY",),
        (
            Model(
                "mistral-large-latest",
                "mistral/mistral-large-latest",
                262_144,
                (0.5, 1.5),
                cached=0.05,
            ),
            Model(
                "mistral-small-latest",
                "mistral/mistral-small-latest",
                262_144,
                (0.15, 0.6),
                cached=0.015,
            ),
        ),
        litellm="mistral",
    ),
    Vendor(
        "groq",
        "Groq",
        ("GROQ_API_KEY",),
        (
            Model(
                "openai/gpt-oss-120b",
                "groq/openai/gpt-oss-120b",
                131_072,
                (0.15, 0.6),
                TEXT,
                _GPT_OSS_120B,
                cached=0.075,
            ),
            Model(
                "openai/gpt-oss-20b",
                "groq/openai/gpt-oss-20b",
                131_072,
                (0.075, 0.3),
                TEXT,
                _GPT_OSS_20B,
                cached=0.0375,
            ),
        ),
        url="https://api.groq.com/openai/v1",
    ),
    Vendor(
        "deepseek",
        "DeepSeek",
        ("DEEPSEEK_API_KEY",),
        (
            Model(
                "deepseek-v4-pro",
                "deepseek/deepseek-v4-pro",
                1_000_000,
                (1.32, 3.96),
                TEXT,
                cached=0.044,
            ),
            Model(
                "deepseek-v4-flash",
                "deepseek/deepseek-v4-flash",
                1_000_000,
                (0.3, 1.2),
                cached=0.006,
            ),
        ),
        url="https://api.deepseek.com/v1",
    ),
    Vendor(
        "openrouter",
        "OpenRouter",
        ("OPENROUTER_API_KEY",),
        # Not in litellm's list: the price is that of the same model at the dearer of two vendors.
        (Model("openai/gpt-oss-120b", "", 131_072, (0.15, 0.6), TEXT, _GPT_OSS_120B),),
        url="https://openrouter.ai/api/v1",
    ),
    Vendor(
        "together",
        "Together AI",
        ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY"),
        (
            Model(
                "zai-org/GLM-5.3",
                "together_ai/zai-org/GLM-5.3",
                1_048_575,
                (1.4, 4.4),
                TEXT,
                cached=0.26,
            ),
            Model(
                "openai/gpt-oss-120b",
                "together_ai/openai/gpt-oss-120b",
                131_072,
                (0.15, 0.6),
                TEXT,
                _GPT_OSS_120B,
            ),
        ),
        url="https://api.together.xyz/v1",
    ),
    Vendor(
        "xai",
        "xAI",
        ("XAI_API_KEY",),
        (Model("grok-4.7", "xai/grok-4.7", 500_000, (2.0, 6.0), cached=0.5),),
        url="https://api.x.ai/v1",
    ),
    Vendor(
        "cohere",
        "Cohere",
        ("COHERE_API_KEY", "CO_API_KEY"),
        (
            Model(
                "command-a-03-2025",
                "command-a-03-2025",
                256_000,
                (2.5, 10.0),
                frozenset({"tools", "streaming"}),
            ),
        ),
        litellm="cohere_chat",
    ),
)
