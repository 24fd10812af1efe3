"""Other protocols over the same pipeline: each is translated to chat completions and back."""

from orchestrator.dialects.embeddings.endpoints import ROUTES as EMBEDDINGS
from orchestrator.dialects.messages.endpoints import ROUTES as MESSAGES
from orchestrator.dialects.messages.errors import MessagesErrors as MessagesErrors
from orchestrator.dialects.responses.endpoints import ROUTES as RESPONSES

ROUTES = (*RESPONSES, *MESSAGES, *EMBEDDINGS)
