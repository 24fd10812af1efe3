"""How servers say that a request is too long for them: no two of them say it alike. Pure."""

from __future__ import annotations

import re

_PHRASES = re.compile(
    rb"""
      context_length_exceeded                         # OpenAI, vLLM, DeepSeek, Groq
    | exceed_context_size                             # llama.cpp
    | model_max_prompt_tokens_exceeded                # GitHub Models
    | string_above_max_length
    | maximum\ (?:context|prompt|input|sequence)\ length   # OpenAI, vLLM, Mistral, xAI
    | (?:max(?:imum)?|available)\ context\ (?:size|window|length)
    | exceeds?\ (?:the\ )?(?:model'?s?\ )?(?:available\ |maximum\ )?context   # Anthropic, llama.cpp
    | longer\ than\ the\ model'?s\ context            # SGLang
    | context\ the\ overflows                         # LM Studio, in its own words
    | prompt\ is\ too\ long                           # Anthropic
    | input\ is\ too\ long                            # Bedrock
    | too\ many\ (?:input\ )?tokens                   # Cohere
    | input\ token\ count\b.{0,60}\ exceeds           # Gemini
    | `inputs`\ tokens\ \+\ `max_new_tokens`          # TGI
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_LOOKED_AT = 4000


def says_too_long(body: bytes) -> bool:
    """Tell whether an error body says that the request has more tokens than the model takes."""
    return _PHRASES.search(body[:_LOOKED_AT]) is not None
